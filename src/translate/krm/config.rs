//! The options in a `functionConfig`.

use crate::escape::shortened;
use crate::policy::DefaultPolicy;
use crate::translate::diagnostic::{Fault, Problem};
use crate::translate::read::nodes::{Id, Nodes};

/// The options of the filter in a `functionConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionConfig {
    /// `default-policy`, if it is set.
    pub default_policy: Option<DefaultPolicy>,
    /// `strict`: whether an unknown word in a policy is an error.
    pub strict: bool,
    /// `nameSuffixHash`: whether the names of Jobs get a hash.
    pub name_suffix_hash: bool,
}

pub(super) fn read(nodes: &Nodes<'_>, config: Id) -> Result<FunctionConfig, Fault> {
    let fault =
        |at: Id, why: String| Fault { problem: Problem::FunctionConfig(why), at: nodes.start(at), job: None };
    let mapping = nodes.mapping(config).ok_or_else(|| fault(config, "it is not a mapping".to_owned()))?;
    let text = |key| nodes.find(mapping, key).and_then(|id| nodes.string(id));
    let field = match (text("apiVersion"), text("kind")) {
        (Some("v1"), Some("ConfigMap")) => "data",
        (Some("jobsweep.io/v1"), Some("Jobsweep")) => "spec",
        _ => {
            return Err(fault(
                config,
                "it is neither a v1 ConfigMap nor a jobsweep.io/v1 Jobsweep".to_owned(),
            ));
        }
    };
    let mut options = FunctionConfig::default();
    let fields = nodes.find(mapping, field).map(|id| nodes.resolve(id));
    let Some(fields) = fields.filter(|&fields| !nodes.is_null(fields)) else { return Ok(options) };
    let entries =
        nodes.mapping(fields).ok_or_else(|| fault(fields, format!("its {field} is not a mapping")))?;
    let boolean = |name, value| {
        boolean(nodes, value).ok_or_else(|| fault(value, format!("{name} is neither true nor false")))
    };
    for (key, value) in nodes.entries(entries) {
        match nodes.string(key) {
            Some("default-policy") => {
                let text = nodes.string(value).ok_or_else(|| "it is not a string".to_owned());
                let policy = text
                    .and_then(str::parse)
                    .map_err(|why| fault(value, format!("default-policy: {why}")))?;
                options.default_policy = Some(policy);
            }
            Some(name @ "strict") => options.strict = boolean(name, value)?,
            Some(name @ "nameSuffixHash") => options.name_suffix_hash = boolean(name, value)?,
            Some(unknown) => {
                return Err(fault(key, format!("there is no option {:?}", shortened(unknown))));
            }
            None => return Err(fault(key, "the name of an option is not a string".to_owned())),
        }
    }
    Ok(options)
}

/// A boolean, or the string of one, because all values of a `ConfigMap` are strings.
fn boolean(nodes: &Nodes<'_>, value: Id) -> Option<bool> {
    nodes.value(nodes.resolve(value))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(config: &str) -> Result<FunctionConfig, String> {
        let nodes = Nodes::read(config).expect("YAML");
        read(&nodes, 0).map_err(|fault| fault.problem.what_and_advice().0)
    }

    #[test]
    fn a_config_map_and_a_jobsweep_have_the_same_options() {
        let policy = |text: &str| Some(text.parse().expect("a policy"));
        for (fields, default_policy, strict) in [
            ("{default-policy: hook-failed, strict: 'true'}", policy("hook-failed"), true),
            ("{strict: true}", None, true),
            ("{strict: \"false\", default-policy: ''}", Some(DefaultPolicy(None)), false),
            ("{}", None, false),
            ("", None, false),
        ] {
            for config in [
                "apiVersion: v1\nkind: ConfigMap\ndata: ",
                "apiVersion: jobsweep.io/v1\nkind: Jobsweep\nspec: ",
            ] {
                let default_policy = default_policy.clone();
                let expected = FunctionConfig { default_policy, strict, name_suffix_hash: false };
                assert_eq!(options(&format!("{config}{fields}\n")), Ok(expected), "{config}{fields}");
            }
        }
        assert_eq!(options("apiVersion: v1\nkind: ConfigMap\n"), Ok(FunctionConfig::default()));
        for value in ["true", "'true'"] {
            let config = format!("apiVersion: v1\nkind: ConfigMap\ndata: {{nameSuffixHash: {value}}}\n");
            assert!(options(&config).is_ok_and(|options| options.name_suffix_hash));
        }
    }

    #[test]
    fn what_cannot_be_an_option_is_an_error() {
        for (fields, why) in [
            ("{defaultPolicy: hook-failed}", "there is no option \"defaultPolicy\""),
            ("{1: a}", "the name of an option is not a string"),
            ("{default-policy: later}", "default-policy: \"later\" is none of"),
            ("{default-policy: true}", "default-policy: it is not a string"),
            ("{strict: yes}", "strict is neither true nor false"),
            ("{nameSuffixHash: 1}", "nameSuffixHash is neither true nor false"),
            ("{strict: [true]}", "strict is neither true nor false"),
            ("[strict]", "its data is not a mapping"),
        ] {
            let found =
                options(&format!("apiVersion: v1\nkind: ConfigMap\ndata: {fields}")).expect_err(fields);
            assert!(found.contains(why), "{found}");
        }
        for config in ["apiVersion: v2\nkind: ConfigMap", "apiVersion: v1\nkind: Jobsweep", "{}"] {
            let found = options(config).expect_err(config);
            assert!(found.contains("it is neither a v1 ConfigMap nor"), "{found}");
        }
    }
}
