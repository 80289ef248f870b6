//! Creates thousands of Jobs.

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{JobBuilder, Outcome};
use crate::control_plane::Namespace;

/// More requests at once are not faster on a small machine.
const CONCURRENCY: usize = 32;

impl Namespace {
    /// Creates this many finished Jobs: 10,000 take about half a minute.
    pub async fn create_finished(
        &self,
        count: usize,
        outcome: Outcome,
        describe: impl Fn(usize) -> JobBuilder,
    ) -> Result<()> {
        let create_and_finish = |index| {
            let job = describe(index).managed_by("example.com/nobody");
            async { self.finish(&self.create(job).await?, outcome).await }
        };
        stream::iter((0..count).map(create_and_finish)).buffer_unordered(CONCURRENCY).try_collect().await
    }
}
