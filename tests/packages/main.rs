//! What users install: the plugin of Helm 4 as a signed archive and from a registry, the one that Helm 3 takes, and the image.

mod gnupg_keys;
mod helm3;
mod image;
mod oci;
mod plugin;
mod plugin_archive;
#[path = "../helm/setup.rs"]
#[expect(dead_code, reason = "the Helm tests need more of it")]
mod setup;

use std::process::ExitCode;

use jobsweep_harness::registry::Registry;
use jobsweep_harness::{trials, trials::run, trials::unless};

fn main() -> ExitCode {
    let mut all = trials![
        plugin::a_signed_archive_is_verified_and_works,
        plugin::an_exported_key_will_do,
        plugin::an_archive_without_a_signature_is_refused,
        plugin::an_archive_that_was_changed_is_refused,
        plugin::a_signature_that_was_changed_is_refused,
        plugin::a_signature_by_an_unknown_key_is_refused,
        plugin::it_has_the_programs_of_every_platform_and_keeps_its_own,
        plugin::a_platform_without_a_program_is_told_what_to_do,
        plugin::the_same_files_make_the_same_archive,
        helm3::helm_sweep_heeds_the_flags_that_helm_keeps_to_itself,
        helm3::helm_sweep_ends_as_the_cleanup_does,
        helm3::without_the_program_it_says_so,
        helm3::beside_the_plugin_of_helm_4_it_is_not_loaded,
    ];
    all.extend(unless(
        Registry::missing(),
        trials![
            oci::a_signed_plugin_is_installed_from_a_registry,
            oci::a_plugin_without_a_signature_is_not_pushed_and_would_be_refused,
            oci::a_plugin_that_was_changed_is_refused,
            oci::a_plugin_that_somebody_else_signed_is_refused,
        ],
    ));
    all.extend(unless(
        Registry::missing().or(image::missing()),
        trials![
            image::the_same_program_makes_the_same_image,
            image::one_name_serves_both_architectures_and_root_neither,
        ],
    ));
    run(all)
}
