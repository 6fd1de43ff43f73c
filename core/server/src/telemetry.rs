//! What the process says about itself on standard error.

use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object per line, for collectors.
    Json,
}

/// Starts logging, once per process; later calls change nothing.
///
/// `RUST_LOG` wins over `default`, which is a filter such as `warn` or `warn,warifu_issuer=info`. Logs carry path
/// templates, statuses, durations and correlation ids; never query strings, bodies or personal data.
pub fn init(form: Form, default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // A second call finds a subscriber in place; that is the point of calling it once.
    let _ = match form {
        Form::Text => registry.with(lines.with_target(false)).try_init(),
        Form::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
}
