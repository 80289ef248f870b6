//! The requests about one Job by its name: what it is now, and whether it could be replaced.

use http::Request;
use http::header::CONTENT_TYPE;
use kube::core::params::GetParams;

use super::requests::jobs;
use super::{Api, Failure, Permission, chain};

impl Api {
    /// A Job as JSON, or `None` if there is none of that name.
    pub(crate) async fn job(&self, namespace: &str, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let request = jobs(Some(namespace)).get(name, &GetParams::default())?;
        match self.bytes(&Permission::for_jobs("get", Some(namespace)), request).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Failure::Refused(refusal)) if refusal.code == 404 && refusal.reason == "NotFound" => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Asks the API server to replace a Job by the one in `yaml`, as a dry run.
    pub(crate) async fn dry_run_replace(
        &self,
        namespace: &str,
        name: &str,
        yaml: String,
    ) -> Result<(), Failure> {
        // Helm does not check unknown or duplicate fields either.
        let query = "dryRun=All&fieldValidation=Ignore";
        let path = format!("{}/{name}?{query}", jobs(Some(namespace)).url_path);
        let request = Request::put(path).header(CONTENT_TYPE, "application/yaml").body(yaml.into_bytes());
        let request = request.map_err(|error| Failure::Config(chain(&error)))?;
        self.bytes(&Permission::for_jobs("update", Some(namespace)), request).await.map(drop)
    }
}
