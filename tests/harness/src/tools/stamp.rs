//! The versions that programs are built with, because `go install` leaves them out.

/// What a program says about its version.
#[derive(Debug)]
pub(super) enum Stamp {
    /// Nothing, or what the module says itself.
    None,
    /// A variable of the program, with the version.
    Variable(&'static str, &'static str),
    /// The version of a Kubernetes release, such as `1.37.2`.
    Kubernetes(&'static str),
    /// The version of a Helm release, such as `4.3.1`.
    Helm(&'static str),
}

impl Stamp {
    /// The `-ldflags` for it.
    pub(super) fn flags(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Variable(variable, version) => format!("-X {variable}=v{version}"),
            Self::Kubernetes(version) => {
                let (major, minor) = major_and_minor(version);
                [
                    ("gitVersion", format!("v{version}").as_str()),
                    ("gitMajor", major),
                    ("gitMinor", minor),
                    ("gitTreeState", "clean"),
                ]
                .map(|(variable, value)| format!("-X k8s.io/component-base/version.{variable}={value}"))
                .join(" ")
            }
            Self::Helm(version) => {
                let (major, _) = major_and_minor(version);
                format!("-X helm.sh/helm/v{major}/internal/version.version=v{version}")
            }
        }
    }

    /// The Go module of the release, with its version.
    pub(super) fn release(&self) -> Option<(String, &'static str)> {
        match self {
            Self::Kubernetes(version) => Some(("k8s.io/kubernetes".into(), version)),
            Self::Helm(version) => Some((format!("helm.sh/helm/v{}", major_and_minor(version).0), version)),
            Self::None | Self::Variable(..) => None,
        }
    }
}

fn major_and_minor(version: &str) -> (&str, &str) {
    let (major, rest) = version.split_once('.').unwrap_or((version, "0"));
    (major, rest.split('.').next().unwrap_or(rest))
}
