//! The roles under measurement on threads of their own, so that what they cost is known apart from the client beside them.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::{Builder, Runtime};

use crate::sandbox::{Options, Sandbox};

/// Name of the threads of the roles; threads that such a thread starts inherit it (Linux).
const NAME: &str = "roles";
/// Name of the thread that commits for a store; every store here is a role's.
const WRITER: &str = "store writer";
/// Threads stay until the end, because the time of one that has ended can not be read any more.
const STAY: Duration = Duration::from_secs(24 * 3600);

/// The threads of the roles.
pub(super) struct Servers(Runtime);

impl Servers {
    /// A sandbox whose roles run on these threads; whoever calls them runs elsewhere.
    pub(super) async fn start(options: Options) -> Result<(Self, Sandbox)> {
        let runtime = Builder::new_multi_thread().enable_all().thread_name(NAME).thread_keep_alive(STAY).build()?;
        let sandbox = runtime.spawn(Sandbox::start(options)).await??;
        Ok((Self(runtime), sandbox))
    }

    /// Does a role's work on the roles' threads.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        Ok(self.0.spawn(work).await?)
    }

    /// Ends the threads.
    pub(super) fn stop(self) {
        self.0.shutdown_background();
    }
}

/// Processor time of the roles so far, to the nanosecond (Linux; 0 elsewhere): the first field of each thread's `schedstat`.
pub(super) fn cpu_time() -> Duration {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let time = |thread: fs::DirEntry| {
        let named =
            fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| [NAME, WRITER].contains(&name.trim_end()));
        let stat = if named { fs::read_to_string(thread.path().join("schedstat")).ok()? } else { return None };
        stat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    threads.flatten().filter_map(time).sum()
}
