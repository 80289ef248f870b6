//! The content of a stream: Jobs with policies, and everything that looks similar.

use super::dice::Dice;

/// A YAML node, independent of its style.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) anchor: Option<&'static str>,
    pub(super) tag: Option<&'static str>,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A string, in any style.
    Text(String),
    /// Written unchanged: a null, a number, a merge key.
    Plain(&'static str),
    Mapping(Vec<(Node, Node)>),
    Sequence(Vec<Node>),
    Alias(&'static str),
    /// Whole lines, which may be invalid YAML.
    Lines(&'static str),
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self { anchor: None, tag: None, value }
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned()).into()
    }
}

const HELM: &str = "helm.sh/hook-delete-policy";
const KOTS: &str = "kots.io/hook-delete-policy";

/// Values of a policy: valid, invalid, and difficult to write.
const POLICIES: [&str; 20] = [
    "hook-succeeded",
    "before-hook-creation,hook-succeeded",
    "hook-succeeded, hook-failed",
    "hook-failed",
    "before-hook-creation",
    "hook-succeeded,before-hook-creation, hook-failed",
    "hook-succeeded,,",
    "",
    " hook-failed ",
    "true",
    "null",
    "~",
    "12",
    "1e3",
    "hook-succeeded # no comment",
    "it's \"quoted\": \\no",
    "hook-succeeded\nhook-failed",
    "hook-failed\n\n",
    "später, 削除 🗑",
    "{hook: [succeeded]}",
];

/// Other annotations, some with similar names.
const KEYS: [&str; 12] = [
    "helm.sh/hook",
    "helm.sh/hook-weight",
    "a",
    "argocd.argoproj.io/hook-delete-policy",
    "postrenderer.helm.sh/postrender-filename",
    "xhelm.sh/hook-delete-policy",
    "helm.sh/hook-delete-policy ",
    "Helm.sh/hook-delete-policy",
    "key with blanks",
    "key: with # signs",
    "",
    "null",
];

const TEXTS: [&str; 12] = [
    "x",
    "pre-install,pre-upgrade",
    "5",
    "helm.sh/hook-delete-policy: hook-succeeded",
    "",
    "kind: Job\napiVersion: batch/v1\nmetadata:\n  annotations:\n    helm.sh/hook-delete-policy: hook-succeeded\n",
    "#!/bin/sh\n\necho \"$1\"\n",
    "  begins with blanks",
    "ends with a blank ",
    "two words",
    "\ttab",
    "batch/v1 Job",
];

const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];

/// Text without Jobs, some of it invalid or similar to a Job.
const LOOKALIKES: [&str; 8] = [
    "# kind: Job\n# apiVersion: batch/v1\n# helm.sh/hook-delete-policy: hook-succeeded\n",
    "",
    "\n",
    "{{ if }}: [}\n",
    "kind: Job\napiVersion: batch/v1\nspec: [\n",
    "\"helm.sh/hook-delete-policy\n",
    "kind: Deployment\nmetadata:\n  annotations: {helm.sh/hook-delete-policy: hook-failed}\n",
    "kind: Pod\na: 1\na: 2\n",
];

pub(super) fn document(dice: &mut Dice<'_>) -> Node {
    match dice.below(12) {
        8 => Value::Lines(dice.pick(&LOOKALIKES)).into(),
        9 => scalar(dice),
        10 | 11 => list(dice),
        _ => object(dice),
    }
}

fn list(dice: &mut Dice<'_>) -> Node {
    let (kind, version) =
        dice.pick(&[("List", "v1"), ("JobList", "batch/v1"), ("List", "v1"), ("ConfigMapList", "v1")]);
    let mut items: Vec<Node> =
        (0..1 + dice.below(3)).map(|_| if dice.one_in(10) { list(dice) } else { object(dice) }).collect();
    if kind == "JobList" && dice.one_in(2) {
        for item in &mut items {
            entries(item).retain(
                |(key, _)| !matches!(&key.value, Value::Text(key) if key == "kind" || key == "apiVersion"),
            );
        }
    }
    if items.len() > 1 && dice.one_in(2) {
        share(dice, &mut items);
    }
    mapping(
        dice,
        vec![
            ("apiVersion".into(), version.into()),
            ("kind".into(), kind.into()),
            ("items".into(), Value::Sequence(items).into()),
        ],
    )
}

/// Makes a later item of a list refer to the first one by an alias or a merge key.
fn share(dice: &mut Dice<'_>, items: &mut [Node]) {
    let (first, rest) = items.split_at_mut(1);
    let (mut from, mut to) = (&mut first[0], &mut rest[0]);
    for key in ["metadata", "annotations"].into_iter().take(dice.below(3)) {
        match (child(from, key), child(to, key)) {
            (Some(inner_from), Some(inner_to)) => (from, to) = (inner_from, inner_to),
            _ => return,
        }
    }
    let name = dice.pick(&["a", "b", "shared.1"]);
    from.anchor = Some(name);
    *to = reference(dice, name, to);
}

/// An alias, or a mapping that merges it.
fn reference(dice: &mut Dice<'_>, name: &'static str, instead_of: &mut Node) -> Node {
    let alias = Node::from(Value::Alias(name));
    if dice.one_in(2) {
        return alias;
    }
    let list = dice.one_in(4);
    let source = if list { Value::Sequence(vec![alias]).into() } else { alias };
    let mut own = std::mem::take(entries(instead_of));
    // YAML libraries differ if a merge key follows a key that it also defines.
    own.insert(0, (Value::Plain("<<").into(), source));
    Value::Mapping(own).into()
}

fn object(dice: &mut Dice<'_>) -> Node {
    let (kind, version) = dice.pick(&[
        ("Job", "batch/v1"),
        ("Job", "batch/v1"),
        ("Job", "batch/v1"),
        ("Job", "batch/v1"),
        ("Job", "batch/v1beta1"),
        ("Job", "volcano.sh/v1"),
        ("CronJob", "batch/v1"),
        ("Deployment", "apps/v1"),
        ("ConfigMap", "v1"),
        ("job", "batch/v1"),
    ]);
    let mut object = vec![("apiVersion".into(), version.into()), ("kind".into(), kind.into())];
    if !dice.one_in(20) {
        object.push(("metadata".into(), metadata(dice)));
    }
    if dice.one_in(8) {
        share_ahead(dice, &mut object);
    }
    match dice.below(4) {
        1 => object.push(("spec".into(), pod_template(dice))),
        2 => object.push(("data".into(), text_map(dice))),
        3 => object.insert(0, ("x".into(), text_map(dice))),
        _ => {}
    }
    if dice.one_in(6) {
        let last = object.len() - 1;
        object.swap(dice.below(last + 1), last);
    }
    mapping(dice, object)
}

/// Defines the annotations with an anchor earlier in the document, and refers to them by an alias.
fn share_ahead(dice: &mut Dice<'_>, object: &mut Vec<(Node, Node)>) {
    let Some(annotations) = object.last_mut().and_then(|(_, metadata)| child(metadata, "annotations")) else {
        return;
    };
    if annotations.anchor.is_some() || !matches!(annotations.value, Value::Mapping(_)) {
        return;
    }
    let mut ahead = annotations.clone();
    ahead.anchor = Some("ahead");
    if dice.one_in(2) {
        *annotations = Value::Alias("ahead").into();
    } else {
        entries(annotations).clear();
        *annotations = reference(dice, "ahead", annotations);
    }
    object.insert(0, ("x-annotations".into(), ahead));
}

fn pod_template(dice: &mut Dice<'_>) -> Node {
    let (annotations, container) = (annotations(dice), text_map(dice));
    let metadata = mapping(dice, vec![("annotations".into(), annotations)]);
    let containers = Value::Sequence(vec![container, "b".into()]).into();
    let template = vec![("metadata".into(), metadata), ("containers".into(), containers)];
    let template = mapping(dice, template);
    mapping(dice, vec![("template".into(), template)])
}

fn metadata(dice: &mut Dice<'_>) -> Node {
    let mut metadata = Vec::new();
    if !dice.one_in(6) {
        metadata.push(("name".into(), dice.pick(&["pi", "migrate", "a b"]).into()));
    }
    match dice.below(12) {
        10 => {}
        11 => metadata.push(("annotations".into(), Value::Plain(dice.pick(&NULLS)).into())),
        _ => metadata.push(("annotations".into(), annotations(dice))),
    }
    if dice.one_in(4) {
        metadata.push(("labels".into(), text_map(dice)));
    }
    if dice.one_in(30) {
        return Value::Plain(dice.pick(&NULLS)).into();
    }
    mapping(dice, metadata)
}

fn annotations(dice: &mut Dice<'_>) -> Node {
    let mut annotations: Vec<(Node, Node)> = Vec::new();
    let first = dice.below(KEYS.len());
    let count = dice.below(4);
    for key in KEYS.iter().skip(first).take(count) {
        annotations.push((text(dice, key), scalar(dice)));
    }
    if !dice.one_in(6) {
        let at = dice.below(annotations.len() + 1);
        annotations.insert(at, (text(dice, HELM), policy(dice)));
    }
    if dice.one_in(10) {
        let at = dice.below(annotations.len() + 1);
        annotations.insert(at, (text(dice, KOTS), policy(dice)));
    }
    mapping(dice, annotations)
}

fn policy(dice: &mut Dice<'_>) -> Node {
    match dice.below(16) {
        14 => Value::Plain(dice.pick(&["", "~", "null", "true", "12", "-1.5", "0x1F", "[]", "{}"])).into(),
        15 => text_map(dice),
        _ => {
            let policy = dice.pick(&POLICIES);
            text(dice, policy)
        }
    }
}

fn text_map(dice: &mut Dice<'_>) -> Node {
    let entries = (0..1 + dice.below(2)).map(|number| (["script", "k8s.io/b"][number].into(), scalar(dice)));
    let entries = entries.collect();
    mapping(dice, entries)
}

fn scalar(dice: &mut Dice<'_>) -> Node {
    if dice.one_in(8) {
        return Value::Plain(dice.pick(&["1", "true", "", "null", "[]", "{}"])).into();
    }
    let value = dice.pick(&TEXTS);
    text(dice, value)
}

/// A string, perhaps with an unused anchor or a tag.
fn text(dice: &mut Dice<'_>, text: &str) -> Node {
    Node {
        anchor: dice.one_in(24).then_some("unused"),
        tag: dice.one_in(24).then_some("!!str"),
        value: Value::Text(text.to_owned()),
    }
}

fn mapping(dice: &mut Dice<'_>, entries: Vec<(Node, Node)>) -> Node {
    Node {
        anchor: dice.one_in(40).then_some("m"),
        tag: dice.one_in(30).then_some("!!map"),
        value: Value::Mapping(entries),
    }
}

fn entries(node: &mut Node) -> &mut Vec<(Node, Node)> {
    if !matches!(node.value, Value::Mapping(_)) {
        node.value = Value::Mapping(Vec::new());
    }
    match &mut node.value {
        Value::Mapping(entries) => entries,
        _ => unreachable!("made a mapping above"),
    }
}

fn child<'n>(node: &'n mut Node, wanted: &str) -> Option<&'n mut Node> {
    match &mut node.value {
        Value::Mapping(entries) => entries.iter_mut().find_map(|(key, value)| {
            matches!(&key.value, Value::Text(key) if key == wanted).then_some(value)
        }),
        _ => None,
    }
}
