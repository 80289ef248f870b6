//! Helm's global flags for the cluster. Pure.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::flags::{self, Read, Takes};

/// How Helm's global flags name the cluster, the credentials and the namespace, by the variables over which they have precedence.
///
/// A flag has precedence even if its value is empty. An empty value is the same as neither flag nor variable. `--kubeconfig` has
/// precedence over `KUBECONFIG` unless its value is empty, and is one file, not a list of files.
#[derive(Debug, Clone, Default)]
pub struct ClusterFlags(BTreeMap<&'static str, SecretString>);

impl ClusterFlags {
    /// Helm reads its global flags twice. The first time it knows no other flag, so it also finds them in the values of others:
    /// `--post-renderer-args --namespace=shop` names Helm's own namespace. It goes no further than the first mistake.
    pub(super) fn first_reading(args: &[&str]) -> Self {
        let mut cluster = Self::default();
        for read in flags::read(args, |flag| flags::global(flag).map_or(Takes::Nothing, |(takes, _)| takes)) {
            let Read::Flag { name, value, .. } = read else {
                continue;
            };
            let is_fine = match flags::global(&name) {
                None => name != "help",
                Some((Takes::Nothing, _)) => value.is_none_or(|value| flags::parse_bool(value).is_some()),
                Some((Takes::Text, _)) => value.is_some(),
                Some((Takes::Number, _)) => value.is_some_and(|value| value.parse::<f64>().is_ok()),
            };
            if !is_fine {
                break;
            }
            cluster.set(&name, value);
        }
        cluster
    }

    pub(super) fn set(&mut self, flag: &str, value: Option<&str>) {
        let Some((takes, variable)) = flags::global(flag) else { return };
        let value = match takes {
            Takes::Nothing => flags::parse_bool(value.unwrap_or("true")).map(|value| value.to_string()),
            Takes::Text | Takes::Number => value.map(str::to_owned),
        };
        let Some(mut value) = value else { return };
        // Helm collects the groups.
        let groups = self.variable(variable).filter(|_| flag == "kube-as-group");
        if let Some(groups) = groups {
            let is_known = groups.split(',').any(|group| group == value);
            value = if is_known { groups } else { format!("{groups},{value}") };
        }
        self.0.insert(variable, value.into());
    }

    /// The value of the flag that has precedence over this variable of Helm, if it is given.
    pub fn variable(&self, name: &str) -> Option<String> {
        Some(self.0.get(name)?.expose_secret().to_owned())
    }
}
