//! Keys from the terminal, until it is gone: the library under it reads a terminal that was closed for ever, on
//! whatever thread asks, and never says so.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use crossterm::event::{Event, EventStream};
use futures::Stream;

#[derive(Default)]
pub struct Keys(EventStream);

impl Stream for Keys {
    type Item = io::Result<Event>;

    /// `None`: the terminal is gone.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match rustix::termios::tcgetattr(io::stdin()) {
            Ok(_) => Pin::new(&mut self.0).poll_next(cx),
            Err(_) => Poll::Ready(None),
        }
    }
}
