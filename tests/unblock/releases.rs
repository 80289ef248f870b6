//! The same on the API server of the oldest release that is supported: its responses decide.

use anyhow::Result;
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::tools::Kubernetes;
use jobsweep_harness::trials;
use jobsweep_harness::trials::{Trial, on_demand};

use crate::{access, changes, faults, manifests, refusals, waiting};

pub fn trials() -> Vec<Trial> {
    on_demand("kubernetes-1.31", trials![all_that_matters_holds_on_kubernetes_1_31])
}

async fn all_that_matters_holds_on_kubernetes_1_31() -> Result<()> {
    let cluster = ControlPlane::options().kubernetes(Kubernetes::V1_31).start().await?;
    let cluster = &cluster;
    changes::a_job_that_can_take_its_new_manifest_stays(cluster).await?;
    changes::a_finished_job_that_cannot_take_its_new_manifest_goes(cluster).await?;
    manifests::a_job_that_kubectl_applied_from_the_same_text_stays(cluster).await?;
    manifests::of_several_jobs_only_the_one_that_changed_goes(cluster).await?;
    refusals::one_job_that_may_not_go_keeps_all(cluster).await?;
    waiting::a_running_job_in_the_way_is_waited_for(cluster).await?;
    waiting::a_finalizer_that_lets_go_clears_the_way(cluster).await?;
    access::every_missing_permission_is_named_before_anything_is_deleted(cluster).await?;
    faults::a_job_that_others_change_at_the_last_moment_is_looked_up_again(cluster).await
}
