//! Fills nulls that `kubectl apply` and Helm 3 would send to the API server. They mean "remove this", also what Kubernetes has added there itself,
//! and that is refused: the pod template of a Job is immutable.

use super::diagnostic::Fault;
use super::plan::Plan;
use super::read::jobs::JobNodes;
use super::read::nodes::Nodes;
use super::read::value::Value;

/// Plans a value for each such null of a Job. A null that cannot be filled is a warning.
pub(super) fn fill(nodes: &Nodes<'_>, job: &JobNodes, plan: &mut Plan<'_, '_>, warnings: &mut Vec<Fault>) {
    let null_at = |path| nodes.find_at(job.id, path).filter(|&id| nodes.is_null(id));
    let parallelism = nodes.find_at(job.id, &["spec", "parallelism"]);
    let is_parallel = parallelism.is_some_and(|id| !nodes.is_null(id));
    let empty = || Some(Value::Mapping(Vec::new()));
    for (path, filling) in [
        (&["spec", "template", "metadata"][..], empty()),
        (&["spec", "template", "metadata", "labels"], empty()),
        (&["spec", "completions"], Some(Value::Plain("1".to_owned()))),
        (&["spec", "selector"], None),
        (&["spec", "selector", "matchLabels"], None),
    ] {
        let Some(null) = null_at(path) else { continue };
        let may_be_null = is_parallel && path.ends_with(&["completions"]);
        if !may_be_null && !filling.is_some_and(|filling| plan.fill_null(null, filling)) {
            let what =
                format!("{} is null, so kubectl apply and Helm 3 cannot update the Job", path.join("."));
            let at = nodes.start(null);
            warnings.push(job.warning(at, what, "remove the key from the template"));
        }
    }
}
