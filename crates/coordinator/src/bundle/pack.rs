//! A bundle as one stream of bytes: its files pass through the archive piece by piece.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use last::{Archive, ArchiveError, ArchiveForm};
use store::Store;

use super::{Content, Member};
use crate::aside::aside;

/// Bytes that are read, compressed and handed on at once.
const PIECE: usize = 1 << 20;

/// Files up to so many bytes are fetched before their turn, so that a thousand small ones are not a
/// thousand waits.
const SMALL: u64 = 256 << 10;

/// How many of them.
const AHEAD: usize = 16;

/// Why an archive was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("the archive could not be made: {0}")]
    Aside(String),
}

type Pieces = BoxStream<'static, Result<Bytes, Error>>;

/// The bytes of an archive of `members`, a mebibyte at a time, while it is made.
pub(super) fn pack(
    store: &Store,
    form: ArchiveForm,
    members: Vec<Member>,
) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + use<>, Error> {
    let store = store.clone();
    let opened = stream::iter(members).map(move |member| open(store.clone(), member));
    let sink = Sink::default();
    let begun = |source| ArchiveError::Write { path: form.file_name().to_owned(), source };
    let archive = Archive::new(form, sink.clone()).map_err(begun)?;
    let opened = opened.buffered(AHEAD).boxed();
    let state = State { opened, sink, archive: Some(archive), pieces: None };
    Ok(stream::try_unfold(state, next))
}

/// What is being packed.
struct State {
    opened: BoxStream<'static, Result<(Member, Pieces), Error>>,
    /// Where the archive writes.
    sink: Sink,
    /// None once it is finished.
    archive: Option<Archive<Sink>>,
    /// What is left of the file that passes by.
    pieces: Option<Pieces>,
}

/// The next bytes of the archive.
async fn next(mut state: State) -> Result<Option<(Bytes, State)>, Error> {
    loop {
        if let Some(ready) = state.sink.take(PIECE) {
            return Ok(Some((ready, state)));
        }
        let Some(mut archive) = state.archive.take() else {
            return Ok(state.sink.take(1).map(|rest| (rest, state)));
        };
        let piece = match &mut state.pieces {
            Some(pieces) => pieces.try_next().await?,
            None => None,
        };
        if let Some(piece) = piece {
            state.archive = Some(written(archive, piece).await?);
            continue;
        }
        archive.end()?;
        state.pieces = None;
        if let Some((member, pieces)) = state.opened.try_next().await? {
            archive.begin(&member.path, member.digest)?;
            state.pieces = Some(pieces);
            state.archive = Some(archive);
        } else {
            archive.finish()?;
        }
    }
}

/// Writes a piece; a large one aside, for it is compressed on the way.
async fn written(mut archive: Archive<Sink>, piece: Bytes) -> Result<Archive<Sink>, Error> {
    if piece.len() as u64 <= SMALL {
        archive.write(&piece)?;
        return Ok(archive);
    }
    let writing = aside(move || archive.write(&piece).map(|()| archive));
    Ok(writing.await.map_err(|fault| Error::Aside(fault.to_string()))??)
}

/// The content of a member: here if it is small, else when its turn comes.
async fn open(store: Store, member: Member) -> Result<(Member, Pieces), Error> {
    let pieces = match &member.content {
        Content::Bytes(bytes) => once(bytes.clone()),
        Content::File(path) => {
            let failed = {
                let path = path.clone();
                move |source| Error::from(store::Error::File { path: path.clone(), source })
            };
            let file = File::open(path).map_err(&failed)?;
            let pieces = stream::try_unfold(file, move |file| {
                let failed = failed.clone();
                async move {
                    let read = aside(move || piece_of(file)).await;
                    read.map_err(|fault| Error::Aside(fault.to_string()))?.map_err(failed)
                }
            });
            pieces.boxed()
        }
        Content::Object(key) if member.digest.size <= SMALL => once(store.get(key).await?),
        Content::Object(key) => {
            let key = key.clone();
            let opening = async move { Ok::<_, Error>(store.stream(&key).await?.err_into()) };
            stream::once(opening).try_flatten().boxed()
        }
    };
    Ok((member, pieces))
}

fn once(bytes: Bytes) -> Pieces {
    stream::once(std::future::ready(Ok(bytes))).boxed()
}

/// The next piece of a file; none at its end.
fn piece_of(file: File) -> io::Result<Option<(Bytes, File)>> {
    let mut piece = Vec::with_capacity(PIECE);
    (&file).take(PIECE as u64).read_to_end(&mut piece)?;
    Ok((!piece.is_empty()).then(|| (piece.into(), file)))
}

/// What the archive wrote and nobody took yet.
#[derive(Debug, Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    /// All of it, if it is as much as that.
    fn take(&self, least: usize) -> Option<Bytes> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (held.len() >= least).then(|| std::mem::take(&mut *held).into())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
