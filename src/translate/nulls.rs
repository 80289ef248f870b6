//! Fills nulls that `kubectl apply` and Helm 3 would send to the API server. They mean "remove this", also what Kubernetes has added there itself,
//! and that is refused: the pod template of a Job is immutable.

use super::diagnostic::{Fault, Problem};
use super::plan::Plan;
use super::read::jobs::JobNodes;
use super::read::lookup::key;
use super::read::nodes::{Id, Nodes};
use super::read::value::Value;

/// Plans a value for each such null of a Job. A null that cannot be filled is a warning.
pub(super) fn fill(nodes: &Nodes<'_>, job: &JobNodes, plan: &mut Plan<'_, '_>, warnings: &mut Vec<Fault>) {
    let value = |mapping: Option<Id>, key| nodes.find(mapping?, key);
    let mapping = |mapping, key| nodes.mapping(value(mapping, key)?.value());
    let spec = mapping(nodes.mapping(job.id), key::SPEC);
    let template = mapping(spec, key::TEMPLATE);
    let parallelism = value(spec, key::PARALLELISM).map(|found| nodes.resolve(found.value()));
    let is_parallel = parallelism.is_some_and(|id| !nodes.is_null(id));
    for (found, name, filling) in [
        (value(template, key::METADATA), "spec.template.metadata", Some(Value::Mapping(Vec::new()))),
        (
            value(mapping(template, key::METADATA), key::LABELS),
            "spec.template.metadata.labels",
            Some(Value::Mapping(Vec::new())),
        ),
        (
            value(spec, key::COMPLETIONS).filter(|_| !is_parallel),
            "spec.completions",
            Some(Value::Plain("1".to_owned())),
        ),
        (value(spec, key::SELECTOR), "spec.selector", None),
        (value(mapping(spec, key::SELECTOR), key::MATCH_LABELS), "spec.selector.matchLabels", None),
    ] {
        let Some(found) = found.filter(|found| nodes.is_null(nodes.resolve(found.value()))) else { continue };
        if !filling.is_some_and(|filling| plan.fill_null(found, filling)) {
            let at = nodes.start(found.value());
            warnings.push(Fault { problem: Problem::Null(name), at, job: job.name.clone() });
        }
    }
}
