//! What a command line of Helm says. Pure.
//!
//! The reading is safe without being perfect. Every real dry run has an argument that begins with `--dry-run`, and every `helm
//! template` has that word. A line that Helm may read in another way is an error: a flag of a future Helm can take or leave the next
//! argument, and the arguments of a process come without the empty ones on some systems. Both leave too many or too few arguments, or
//! give a flag a value that looks like another flag.

use std::ffi::OsString;

use super::call::{Command, DryRun, HelmCall, ServerSide};
use super::cluster_flags::ClusterFlags;
use super::flags::{self, Read, Takes, WITHOUT_VALUE};

/// Reads the arguments of a Helm, the first of which is its own name. `None` if that Helm runs no post-renderer.
///
/// # Errors
/// Helm may read them in another way than this function does. The reason quotes no value, which may be a secret.
pub fn parse(argv: &[OsString]) -> Result<Option<HelmCall>, String> {
    // What is not UTF-8 is replaced, so that it names nothing else.
    let args: Vec<_> = argv.iter().skip(1).map(|arg| arg.to_string_lossy()).collect();
    let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
    if !args.iter().any(|arg| *arg == POST_RENDERER || arg.starts_with("--post-renderer=")) {
        return Ok(None);
    }
    let place = place_of_command(&args);
    let skipped = place.map_or(&args[..], |place| &args[..place]);
    let command = match place.and_then(|place| Command::named(args[place])) {
        Some(command) if !skipped.iter().any(|arg| Command::named(arg).is_some()) => command,
        None if !args.iter().any(|arg| Command::named(arg).is_some()) => return Ok(None),
        _ => return Err("cannot tell which argument is the command; write the command first".to_owned()),
    };
    let others = args.iter().enumerate().filter(|(at, _)| Some(*at) != place).map(|(_, arg)| *arg);
    Line::read(command, &others.collect::<Vec<_>>()).call().map(Some)
}

const POST_RENDERER: &str = "--post-renderer";

impl Command {
    fn named(name: &str) -> Option<Self> {
        [Self::Install, Self::Upgrade, Self::Template].into_iter().find(|known| known.to_string() == name)
    }

    fn takes(self, flag: &str) -> Takes {
        match flags::global(flag) {
            Some((takes, _)) => takes,
            None if flag == flags::SERVER_SIDE && self == Self::Upgrade => Takes::Text,
            None if WITHOUT_VALUE.contains(&flag) => Takes::Nothing,
            None => Takes::Text,
        }
    }
}

/// Finds the first argument that is neither a flag nor the value of one, as Helm's library cobra does: before the command, it takes
/// every flag that is not global for one with a value.
fn place_of_command(args: &[&str]) -> Option<usize> {
    let mut is_value = false;
    for (at, arg) in args.iter().enumerate() {
        if *arg == "--" && !is_value {
            return None;
        }
        if std::mem::take(&mut is_value) || arg.is_empty() {
            continue;
        }
        if !arg.starts_with('-') {
            return Some(at);
        }
        let name = match (arg.strip_prefix("--"), arg.as_bytes()) {
            (Some(long), _) if !arg.contains('=') => long.to_owned(),
            (None, [_, letter]) => flags::long_name(char::from(*letter)),
            _ => continue,
        };
        is_value = !matches!(flags::global(&name), Some((Takes::Nothing, _)));
    }
    None
}

/// A command line without the command, after it was read once.
struct Line<'a> {
    command: Command,
    flags: Vec<(String, Option<&'a str>)>,
    positional: Vec<&'a str>,
    cluster: ClusterFlags,
    dry_run: Option<DryRun>,
    /// Whether the last argument is a value that begins with a dash. If an empty argument was lost before it, it is a flag, and the next
    /// argument is its value.
    after_dashed_value: bool,
    /// A flag without its value, or one whose value looks like another flag.
    doubt: Option<String>,
}

impl<'a> Line<'a> {
    fn read(command: Command, args: &[&'a str]) -> Self {
        let mut line = Self {
            command,
            flags: Vec::new(),
            positional: Vec::new(),
            cluster: ClusterFlags::first_reading(args),
            dry_run: None,
            after_dashed_value: false,
            doubt: None,
        };
        for read in flags::read(args, |flag| command.takes(flag)) {
            match read {
                Read::Positional(arg) => {
                    line.note_dry_run(arg, false);
                    line.positional.push(arg);
                }
                Read::Flag { name, value, apart } => line.note_flag(name, value, apart),
            }
        }
        line.dry_run = match (command, line.dry_run) {
            (Command::Template, _) if line.is_set(&["validate"]) != Ok(false) => Some(DryRun::Server),
            (Command::Template, None) => Some(DryRun::Client),
            (_, dry_run) => dry_run,
        };
        line
    }

    fn note_flag(&mut self, name: String, value: Option<&'a str>, apart: bool) {
        let dashes = if name.chars().count() == 1 { "-" } else { "--" };
        if name.starts_with("dry-run") {
            let value = value.map(|value| format!("={value}")).unwrap_or_default();
            self.note_dry_run(&format!("--{name}{value}"), !self.after_dashed_value);
        }
        self.after_dashed_value = apart && value.is_some_and(|value| value.starts_with('-'));
        match value {
            None if apart => self.doubt = Some(format!("{dashes}{name} has no value")),
            // A post-renderer's own flags are values by right, and `-` means stdin.
            Some(value) if apart && value.len() > 1 && value.starts_with('-') => {
                self.note_dry_run(value, false);
                if name != "post-renderer-args" || value.starts_with(POST_RENDERER) {
                    self.doubt = Some(format!(
                        "the value of {dashes}{name} begins with a dash, so it may be a flag; join the two: {dashes}{name}=…"
                    ));
                }
            }
            _ => {}
        }
        self.cluster.set(&name, value);
        self.flags.push((name, value));
    }

    /// `--dry-run…` makes it a dry run wherever it stands. Only as a flag, it can also end one.
    fn note_dry_run(&mut self, arg: &str, is_flag: bool) {
        let Some(rest) = arg.strip_prefix("--dry-run") else {
            return;
        };
        let value = rest.strip_prefix('=').unwrap_or_default();
        if value != "none" && flags::parse_bool(value) != Some(false) {
            self.dry_run = Some(if value == "server" { DryRun::Server } else { DryRun::Client });
        } else if is_flag {
            self.dry_run = None;
        }
    }

    /// The value of the last flag with this name.
    fn value(&self, flag: &str) -> Option<Option<&'a str>> {
        self.flags.iter().rev().find(|(name, _)| name == flag).map(|(_, value)| *value)
    }

    /// Flags of one meaning set the same variable in Helm, so the last one counts.
    fn is_set(&self, flags: &[&str]) -> Result<bool, String> {
        let last = self.flags.iter().rev().find(|(name, _)| flags.contains(&name.as_str()));
        match last {
            None => Ok(false),
            Some((_, None)) => Ok(true),
            Some((flag, Some(text))) => flags::parse_bool(text)
                .ok_or_else(|| format!("the value of --{flag} is neither true nor false")),
        }
    }

    fn call(self) -> Result<HelmCall, String> {
        let (command, dry_run, cluster) = (self.command, self.dry_run, self.cluster.clone());
        let mut call = HelmCall { command, dry_run, cluster, ..HelmCall::default() };
        let filled = self.fill(&mut call);
        // A Helm that needs no cluster must not fail for what it would do in one.
        if dry_run != Some(DryRun::Client) {
            self.doubt.map_or(Ok(()), Err)?;
            filled?;
        }
        Ok(call)
    }

    fn fill(&self, call: &mut HelmCall) -> Result<(), String> {
        call.release = self.release()?;
        call.post_renderer = match self.value("post-renderer").flatten() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => return Err("--post-renderer has no value".to_owned()),
        };
        let namespace = self.cluster.variable("HELM_NAMESPACE");
        if namespace.is_some_and(|name| !name.is_empty() && !is_name(&name, 63)) {
            return Err("the value of --namespace is not a namespace".to_owned());
        }
        call.install = self.is_set(&["install"])?;
        call.no_hooks = self.is_set(&["no-hooks"])?;
        call.take_ownership = self.is_set(&["take-ownership"])?;
        call.rollback_on_failure = self.is_set(&["rollback-on-failure", "atomic"])?;
        call.force = self.is_set(&["force", "force-replace"])?;
        call.server_side = self.server_side()?;
        Ok(())
    }

    fn release(&self) -> Result<Option<String>, String> {
        let template = self.value("name-template").flatten().unwrap_or_default();
        let is_generated = self.is_set(&["generate-name"])? || !template.is_empty();
        match (self.command, &self.positional[..]) {
            (Command::Upgrade, [name, _]) if is_release(name) => Ok(Some((*name).to_owned())),
            (Command::Install | Command::Template, [name, _]) if is_release(name) && !is_generated => {
                Ok(Some((*name).to_owned()))
            }
            (Command::Install, [_]) if is_generated => Ok(None),
            (Command::Template, [_]) => Ok(None),
            (_, [_, _]) => {
                Err("the first argument after the command is not the name of a release".to_owned())
            }
            (_, args) => Err(format!(
                "there must be a release and a chart, but {} arguments are neither flags nor their values",
                args.len()
            )),
        }
    }

    fn server_side(&self) -> Result<ServerSide, String> {
        match (self.command, self.value(flags::SERVER_SIDE)) {
            (Command::Upgrade, None | Some(Some("auto"))) => Ok(ServerSide::Auto),
            (Command::Upgrade, Some(Some("true"))) => Ok(ServerSide::Yes),
            (Command::Upgrade, Some(Some("false"))) => Ok(ServerSide::No),
            (Command::Upgrade, _) => {
                Err("the value of --server-side is none of true, false and auto".to_owned())
            }
            (_, None) => Ok(ServerSide::Yes),
            _ => Ok(if self.is_set(&[flags::SERVER_SIDE])? { ServerSide::Yes } else { ServerSide::No }),
        }
    }
}

/// Helm's rule for the name of a release.
fn is_release(name: &str) -> bool {
    name.len() <= 53 && name.split('.').all(|label| is_name(label, 53))
}

/// Lower-case letters, digits and, inside, dashes.
fn is_name(name: &str, longest: usize) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=longest).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Whether a flag takes the next argument as its value, for a test that compares with Helm's help.
#[doc(hidden)]
pub fn takes_value(command: &str, flag: &str) -> Option<bool> {
    Some(Command::named(command)?.takes(flag) != Takes::Nothing)
}
