//! A job and its locked status file, from a console to a runner that waits on its stdin. Starts nothing.

use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read},
    mem::MaybeUninit,
    os::fd::AsFd,
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

use super::job::Job;

/// A file travels with a byte or not at all; in front of JSON a newline says nothing.
const MARK: &[u8] = b"\n";

/// The first half: from here on the runner holds the file, and the lock on it with it. The job follows as JSON,
/// then the end of the stream.
///
/// # Errors
/// Nobody waits there. Nothing was begun.
pub fn give_status(line: impl AsFd, status: impl AsFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let files = [status.as_fd()];
    beside.push(SendAncillaryMessage::ScmRights(&files));
    sendmsg(line, &[IoSlice::new(MARK)], &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for a job. `None`: the console went without one.
///
/// # Errors
/// What came is not a whole job: the console went while it spoke.
pub fn receive(line: &mut File) -> io::Result<Option<(Job, File)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut mark = [0; MARK.len()];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let came = rustix::io::retry_on_intr(|| recvmsg(&*line, &mut [IoSliceMut::new(&mut mark)], &mut beside, flags))?;
    if came.bytes == 0 {
        return Ok(None);
    }
    let status = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    let mut text = Vec::new();
    line.read_to_end(&mut text)?;
    let status = status.ok_or_else(|| io::Error::other("no status file came with the job"))?;
    Ok(Some((serde_json::from_slice(&text)?, File::from(status))))
}

#[cfg(test)]
mod tests {
    use std::{io::Write, net::Shutdown, os::fd::OwnedFd, os::unix::net::UnixStream};

    use super::*;

    fn line() -> (UnixStream, File) {
        let (console, runner) = UnixStream::pair().unwrap();
        (console, File::from(OwnedFd::from(runner)))
    }

    fn job() -> Job {
        serde_json::from_str(r#"{"argv":["true"],"cwd":"/","env":[],"ladder":[]}"#).unwrap()
    }

    #[test]
    fn the_lock_goes_along_with_the_job_and_lasts_as_long_as_the_runner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let status = File::create(&path).unwrap();
        status.try_lock().unwrap();
        let (mut console, mut runner) = line();
        give_status(&console, &status).unwrap();
        drop(status);
        console.write_all(&serde_json::to_vec(&job()).unwrap()).unwrap();
        console.shutdown(Shutdown::Write).unwrap();
        let (job, mut held) = receive(&mut runner).unwrap().unwrap();
        assert_eq!(job.argv, ["true"]);
        assert!(File::open(&path).unwrap().try_lock().is_err(), "the runner holds it");
        held.write_all(b"x").unwrap();
        drop(held);
        File::open(&path).unwrap().try_lock().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
    }

    #[test]
    fn without_a_whole_job_nothing_is_begun() {
        let (console, mut runner) = line();
        drop(console);
        assert!(receive(&mut runner).unwrap().is_none(), "it had no job");

        let (mut console, mut runner) = line();
        give_status(&console, tempfile::tempfile().unwrap()).unwrap();
        let text = serde_json::to_vec(&job()).unwrap();
        console.write_all(&text[..text.len() - 1]).unwrap();
        drop(console);
        assert!(receive(&mut runner).is_err(), "it went in the middle of a word");

        let (mut console, mut runner) = line();
        console.write_all(&[MARK, text.as_slice()].concat()).unwrap();
        drop(console);
        assert!(receive(&mut runner).is_err(), "a job without its status file");
    }
}
