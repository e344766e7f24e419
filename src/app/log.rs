//! Diagnostics, apart from the trail: a file a day under the state directory. Lossy by design, never for facts.

use tracing_appender::{
    non_blocking::WorkerGuard,
    rolling::{Builder, Rotation},
};
use tracing_subscriber::{Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use super::{Fault, state};
use crate::cli::Common;

/// Starts logging where a level was asked for; the guard flushes when it is dropped.
pub fn start(common: &Common) -> Result<Option<WorkerGuard>, Fault> {
    let Some(level) = &common.log_level else { return Ok(None) };
    let level: tracing::Level =
        level.parse().map_err(|_| Fault::usage(format!("--log-level {level}: error, warn, info, debug or trace")))?;
    let dir = state::state_dir(common)?.value.join("log");
    let file = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("ripcord")
        .filename_suffix("log")
        .max_log_files(7)
        .build(&dir);
    let file = file.map_err(|error| Fault::usage(format!("{}: {error}", dir.display())))?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    // kube logs whole bodies at WARN when they do not decode: they may hold secrets.
    let targets = Targets::new().with_default(level).with_target("kube_client", tracing::Level::ERROR);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false).with_filter(targets);
    let _ = tracing_subscriber::registry().with(layer).try_init();
    Ok(Some(guard))
}
