//! The terminal, lent to an interactive step. The frontend that owns it leaves it clean, grants, and takes it back.

use tokio::sync::{mpsc, oneshot};

/// A request for the terminal. The frontend leaves raw mode and the alternate screen, drops its key stream, stops
/// minding SIGINT, then sends `granted`; when `returned` resolves (also with an error: the step's task is gone)
/// it takes everything back and draws anew.
#[derive(Debug)]
pub struct Loan {
    pub granted: oneshot::Sender<()>,
    pub returned: oneshot::Receiver<()>,
}

/// The terminal while it is ours. Dropping it gives it back.
#[derive(Debug)]
pub struct Borrowed {
    _back: oneshot::Sender<()>,
}

/// Asks and waits.
///
/// # Errors
/// A text for people: there is no terminal, or it was refused.
pub async fn borrow(from: Option<&mpsc::Sender<Loan>>) -> Result<Borrowed, String> {
    let none = "this step is interactive and there is no terminal; run it from the console, or take `interactive` out";
    let from = from.ok_or(none)?;
    let (granted, grant) = oneshot::channel();
    let (back, returned) = oneshot::channel();
    from.send(Loan { granted, returned }).await.map_err(|_| none)?;
    grant.await.map_err(|_| "the console did not give the terminal away; try the step again")?;
    Ok(Borrowed { _back: back })
}
