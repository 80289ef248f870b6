//! What is read of a command line. `tests/caller` confirms the table with real Helms.

#[allow(dead_code, reason = "shared with the tests that run Helm")]
mod table;

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};

use super::process::Process;
use super::{OWN_PLUGIN, parse};
use crate::cluster::caller::{self, Caller, HelmCall};
use arbitrary::Unstructured;
use table::{asks, call, may_delete, rows, summary};

fn read(args: &[String]) -> Result<Option<HelmCall>, String> {
    let argv: Vec<OsString> =
        ["helm"].into_iter().chain(args.iter().map(String::as_str)).map(Into::into).collect();
    parse(&argv)
}

fn read_line(line: &str) -> Result<Option<HelmCall>, String> {
    read(&call(line).1)
}

#[test]
fn each_line_of_the_table_is_read_as_it_says() {
    let fill = |text: &str| text.replace("{chart}", "./chart").replace(['{', '}'], "");
    assert!(rows().len() >= 60);
    for row in rows() {
        let read = read_line(&fill(row.line));
        assert_eq!(summary(&read), fill(row.read), "helm {}: {read:?}", row.line);
        assert!(!may_delete(&read) || asks(&read));
    }
}

#[test]
fn empty_arguments_that_are_lost_never_change_what_is_deleted() {
    for row in rows().into_iter().filter(|row| row.line.contains("''")) {
        let lost: Vec<_> = call(row.line).1.into_iter().filter(|arg| !arg.is_empty()).collect();
        assert!(read(&lost).is_err(), "{lost:?}");
    }
    for line in [
        "--kube-context '' template shop ./chart",
        "-n '' upgrade shop ./chart",
        "-n '' template upgrade ./chart",
        "-n '' template upgrade ./chart --dry-run=none",
        "upgrade shop ./chart --set '' --namespace=b",
        "upgrade shop ./chart --set '' -n b",
        "upgrade --set '' shop ./chart",
        "upgrade shop ./chart --description '' --post-renderer probe",
        "upgrade shop ./chart --post-renderer-args '' --post-renderer=probe",
        "install --set '' shop ./chart",
        "install --description '' ./chart -g",
    ] {
        let lost: Vec<_> = call(line).1.into_iter().filter(|arg| !arg.is_empty()).collect();
        assert!(!may_delete(&read(&lost)), "{lost:?}");
    }
}

#[test]
fn a_flag_of_a_future_helm_never_changes_what_is_deleted() {
    for line in [
        // It takes no value.
        "--future template shop ./chart",
        "--future template upgrade ./chart",
        "--future upgrade shop ./chart",
        "-z template shop ./chart",
        "upgrade --future shop ./chart",
        "upgrade shop --future ./chart",
        "upgrade shop ./chart --future",
        "upgrade shop ./chart --future -n b",
        "upgrade shop ./chart --future --namespace=b",
        "upgrade shop ./chart --future --kube-context prod",
        "upgrade shop ./chart --future --no-hooks",
        "upgrade shop ./chart --future --dry-run",
        "upgrade shop ./chart --future --dry-run=none",
        "upgrade shop ./chart -z -n b",
        "install --future ./chart --generate-name",
        "install --future ./chart --name-template=x",
        // A flag without a value has one in the future.
        "upgrade --wait legacy shop ./chart",
        "install --wait legacy ./chart -g",
        "upgrade shop ./chart --no-hooks some",
    ] {
        assert!(!may_delete(&read_line(line)), "{line}");
    }
    // It takes one, or has it joined.
    for line in ["upgrade --future x shop ./chart -n b", "upgrade shop ./chart --future=x -n b"] {
        assert_eq!(summary(&read_line(line)), "upgrade shop namespace=b", "{line}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_not_utf_8_names_nothing() {
    use std::os::unix::ffi::OsStringExt;
    let argv = |namespace: &[u8]| {
        let namespace = OsString::from_vec([b"--namespace=", namespace].concat());
        let line = ["helm", "upgrade", "shop", "./chart", "--post-renderer=probe"].map(OsString::from);
        [&line[..], &[namespace]].concat()
    };
    assert_eq!(summary(&parse(&argv(b"b"))), "upgrade shop namespace=b");
    assert_eq!(summary(&parse(&argv(b"b\xff"))), "unclear");
}

#[test]
fn no_line_that_is_too_short_is_a_call() {
    for argv in [&[][..], &["helm"], &["helm", "--"], &["helm", "-"], &["helm", "--post-renderer"]] {
        let argv: Vec<_> = argv.iter().map(OsString::from).collect();
        assert!(!may_delete(&parse(&argv)), "{argv:?}");
    }
}

#[test]
fn no_secret_is_shown() {
    for line in [
        "upgrade shop ./chart --kube-token SECRET --set password=SECRET",
        "upgrade shop ./chart --set-string SECRET SECRET",
        "upgrade SECRET ./chart",
        "upgrade shop ./chart --kube-token -SECRET",
        "upgrade shop ./chart --atomic=SECRET",
        "upgrade shop ./chart -n SECRET",
    ] {
        let read = read_line(line);
        let shown = match &read {
            Ok(call) => format!("{read:?} {}", call.as_ref().expect("a call")),
            Err(unclear) => format!("{unclear:?} {unclear}"),
        };
        assert!(!shown.contains("SECRET"), "{line}: {shown}");
    }
    let helm = ["helm", "upgrade", "shop", "./chart", "--post-renderer=probe", "--kube-token=SECRET"];
    let caller = Caller::of(Some(Process::example(7, &helm)), None).expect("a caller");
    assert!(caller.helm().is_some());
    assert!(!format!("{caller:?}").contains("SECRET"));
}

#[test]
fn a_helm_that_runs_no_post_renderer_is_no_caller() {
    let caller = |args: &[&str], plugin_name| Caller::of(Some(Process::example(7, args)), plugin_name);
    let call = ["helm", "upgrade", "shop", "./chart", "--post-renderer", "probe"];
    assert!(matches!(caller(&call, None), Ok(Caller::Helm { .. })));
    assert!(matches!(caller(&call, Some(OWN_PLUGIN)), Ok(Caller::Helm { .. })));
    for other in [&["helm", "sweep"][..], &["helm", "upgrade", "shop", "./chart"], &["helm"]] {
        assert!(matches!(caller(other, None), Ok(Caller::None { .. })), "{other:?}");
        assert!(matches!(caller(other, Some("diff")), Ok(Caller::None { .. })), "{other:?}");
        // Helm 4 says that it runs this program, so there must be a line that says so too.
        assert!(caller(other, Some(OWN_PLUGIN)).is_err(), "{other:?}");
    }
    assert!(matches!(Caller::of(None, None), Ok(Caller::None { .. })));
    assert!(Caller::of(None, Some(OWN_PLUGIN)).is_err());
    assert!(caller(&["helm", "upgrade", "--post-renderer", "probe"], None).is_err());
}

#[test]
fn the_name_of_the_plugin_tells_helm_4() {
    let call = read_line("upgrade shop ./chart").expect("clear").expect("a call");
    assert!(call.is_helm_4(Some("probe")));
    // Helm 3 below a plugin of another Helm has the variable of that one.
    assert!(!call.is_helm_4(Some("diff")) && !call.is_helm_4(None));
}

#[test]
fn it_is_described_without_options() {
    for (line, expected) in [
        ("upgrade shop ./chart -n b", "helm upgrade shop"),
        ("upgrade shop ./chart --dry-run=server", "helm upgrade shop --dry-run=server"),
        ("install -g ./chart --dry-run", "helm install --dry-run=client"),
        ("template shop ./chart", "helm template shop"),
        ("template shop ./chart --validate", "helm template shop --dry-run=server"),
    ] {
        assert_eq!(read_line(line).expect("clear").expect("a call").to_string(), expected);
    }
}

/// How many random lines are read.
const LINES: usize = 20_000;

/// Each is one flag with its value, so they can stand in any order.
const FLAGS: [&[&str]; 24] = [
    &["--wait"],
    &["-i"],
    &["--atomic"],
    &["--set", "x=1"],
    &["--set="],
    &["--set", ""],
    &["--description", "--dry-run=none"],
    &["--description", ""],
    &["-f", "-"],
    &["-f", "values.yaml"],
    &["--kube-context", "prod"],
    &["--kube-context=dev"],
    &["--kube-context", ""],
    &["-n", "b"],
    &["-n", ""],
    &["--namespace=c"],
    &["--namespace", "upgrade"],
    &["--post-renderer-args", "--unblock"],
    &["--post-renderer-args", "--dry-run=none"],
    &["--post-renderer-args", ""],
    &["--future"],
    &["--future", "x"],
    &["--future=x"],
    &["-z"],
];
const NO_DRY_RUN: [&str; 3] = ["--dry-run=none", "--dry-run=false", "--dry-run=0"];
const DRY_RUN: [&str; 5] =
    ["--dry-run", "--dry-run=client", "--dry-run=server", "--dry-run=true", "--dry-run=1"];
const OTHERS: [&str; 6] = ["diff", "rollback", "lint", "get", "test", "sweep"];

/// A line of Helm that changes nothing.
fn harmless(random: &mut Unstructured<'_>) -> arbitrary::Result<Vec<String>> {
    let is_dry_run = random.arbitrary::<bool>()?;
    let command = match (is_dry_run, random.arbitrary::<bool>()?) {
        (true, _) => *random.choose(&["install", "upgrade", "template"])?,
        (false, true) => "template",
        (false, false) => *random.choose(&OTHERS)?,
    };
    let mut line: Vec<&[&str]> = Vec::new();
    let command = [command];
    // Before the command, only global flags stand safely.
    if random.ratio(1, 3)? {
        line.push(random.choose(&FLAGS[10..17])?);
    }
    line.push(&command);
    let mut rest: Vec<&[&str]> = vec![if random.arbitrary()? {
        &["--post-renderer", "jobsweep"]
    } else {
        &["--post-renderer=jobsweep"]
    }];
    for _ in 0..random.int_in_range(0..=4)? {
        rest.push(random.choose(&FLAGS)?);
    }
    for arg in [&["shop"][..], &["upgrade"], &["./chart"]] {
        if random.ratio(2, 3)? {
            rest.push(arg);
        }
    }
    let no_dry_run = [*random.choose(&NO_DRY_RUN)?];
    if random.arbitrary()? {
        rest.push(&no_dry_run);
    }
    for at in (1..rest.len()).rev() {
        rest.swap(at, random.int_in_range(0..=at)?);
    }
    let dry_run = [*random.choose(&DRY_RUN)?];
    if is_dry_run {
        // After a flag that ends a dry run.
        let after = rest.iter().rposition(|unit| *unit == no_dry_run).map_or(0, |at| at + 1);
        rest.insert(random.int_in_range(after..=rest.len())?, &dry_run);
    }
    line.extend(rest);
    Ok(line.concat().into_iter().map(str::to_owned).collect())
}

#[test]
fn no_template_no_dry_run_and_no_other_command_of_helm_may_delete() {
    let seed = RandomState::new().hash_one(());
    let hash = RandomState::new();
    for number in 0..LINES {
        let bytes: Vec<u8> =
            (0..32_u64).flat_map(|word| hash.hash_one((seed, number, word)).to_le_bytes()).collect();
        let line = harmless(&mut Unstructured::new(&bytes)).expect("enough bytes");
        assert!(!may_delete(&read(&line)), "{line:?}");
        // Without the empty argument, `--kube-context '' diff upgrade …` is an upgrade. Only a plugin that itself runs jobsweep
        // would be mistaken for that, because Helm gives such a command no post-renderer.
        if !line.iter().any(|arg| OTHERS.contains(&arg.as_str())) {
            let lost: Vec<_> = line.into_iter().filter(|arg| !arg.is_empty()).collect();
            assert!(!may_delete(&read(&lost)), "{lost:?}");
        }
    }
}

#[test]
fn the_token_is_read() {
    let call = read_line("template shop ./chart --kube-token t").expect("clear").expect("a call");
    assert_eq!(call.cluster.variable("HELM_KUBETOKEN").as_deref(), Some("t"));
}
