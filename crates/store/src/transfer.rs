//! Files in and out, with the digest of what passed, in bounded memory.

use std::io;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::{PutMode, PutMultipartOptions, WriteMultipart};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::digest::Hasher;
use crate::{Created, Digest, Error, Store, content_type, limits, path};

/// A part of an upload: S3 wants 5 MiB or more, and at most 10,000 of them, so 78 GiB fit.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Parts in flight at once.
const PARTS: usize = 2;

/// The largest file that is stored by one conditional write: it is held in memory for it.
const CONDITIONAL_BYTES: usize = 64 * 1024 * 1024;

/// Read from a file at once.
const PIECE_BYTES: usize = 1024 * 1024;

impl Store {
    /// Stores the content of a file at `key`, whole or not at all, in place of whatever was there,
    /// without holding it in memory. The file may have up to 78 GiB.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read, else as [`Store::put`].
    pub async fn put_file(&self, key: &str, file: &Path) -> Result<Digest, Error> {
        self.put_file_typed(key, file, content_type::of(key)).await
    }

    /// As [`Store::put_file`]; served as `media` where the store can, also from a copy.
    ///
    /// # Errors
    /// As [`Store::put_file`].
    pub async fn put_file_typed(
        &self,
        key: &str,
        file: &Path,
        media: &'static str,
    ) -> Result<Digest, Error> {
        let how = (PART_BYTES, media, PutMode::Overwrite);
        let (_, digest) = self.put_file_as(key, file, how).await?;
        Ok(digest)
    }

    /// Stores the content of a file at `key`, whole or not at all, unless the key has an object
    /// already; also says what the file contains.
    ///
    /// A file beyond 64 MiB goes up in parts, without the condition, and is [`Created::Stored`]: few
    /// servers keep a condition on parts, and as with [`Store::put_new`] nothing rests on it.
    ///
    /// # Errors
    /// As [`Store::put_file`].
    pub async fn put_file_new(&self, key: &str, file: &Path) -> Result<(Created, Digest), Error> {
        if cfg!(feature = "sim") {
            return self.put_whole_file_new(key, file).await;
        }
        let how = (CONDITIONAL_BYTES, content_type::of(key), PutMode::Create);
        self.put_file_as(key, file, how).await
    }

    /// Without the threads that read files for a runtime: a simulated fleet has one.
    async fn put_whole_file_new(&self, key: &str, file: &Path) -> Result<(Created, Digest), Error> {
        let failed = |source| Error::File { path: file.to_owned(), source };
        let bytes = std::fs::read(file).map_err(failed)?;
        let mut hasher = Hasher::default();
        hasher.update(&bytes);
        let media = content_type::of(key);
        Ok((self.put_as(key, bytes.into(), media, PutMode::Create).await?, hasher.finish()))
    }

    /// One write if the file has at most `most` bytes, else parts.
    async fn put_file_as(
        &self,
        key: &str,
        file: &Path,
        (most, media, mode): (usize, &'static str, PutMode),
    ) -> Result<(Created, Digest), Error> {
        path(key)?;
        let mut input = Input::open(file).await?;
        // One more tells whether there is more.
        let first = input.read(most + 1).await?;
        if first.len() <= most {
            let created = self.put_as(key, first, media, mode).await?;
            return Ok((created, input.hasher.finish()));
        }
        self.put_parts(key, media, first, &mut input).await?;
        Ok((Created::Stored, input.hasher.finish()))
    }

    async fn put_parts(
        &self,
        key: &str,
        media: &'static str,
        first: Bytes,
        input: &mut Input,
    ) -> Result<(), Error> {
        let rest = futures::stream::try_unfold(input, |input| async {
            let piece = input.read(PART_BYTES).await?;
            Ok((!piece.is_empty()).then_some((piece, input)))
        });
        let first = futures::stream::once(std::future::ready(Ok(first)));
        self.send(key, media, first.chain(rest)).await
    }

    /// Stores pieces at `key` as they come, whole or not at all, in place of whatever was there,
    /// without holding more than a few parts of 8 MiB in memory: 78 GiB fit. When a piece fails,
    /// nothing is stored.
    ///
    /// # Errors
    /// The pieces', else as [`Store::put`].
    pub async fn put_stream<E: From<Error>>(
        &self,
        key: &str,
        pieces: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), E> {
        path(key)?;
        let mut pieces = std::pin::pin!(pieces);
        let mut first = BytesMut::new();
        while let Some(piece) = pieces.try_next().await? {
            first.extend_from_slice(&piece);
            if first.len() > PART_BYTES {
                let first = futures::stream::once(std::future::ready(Ok(first.freeze())));
                return self.send(key, content_type::of(key), first.chain(pieces)).await;
            }
        }
        self.put(key, first.freeze()).await?;
        Ok(())
    }

    /// Stores pieces in parts.
    async fn send<E: From<Error>>(
        &self,
        key: &str,
        media: &'static str,
        pieces: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), E> {
        let target = path(key)?;
        let options = PutMultipartOptions {
            attributes: self.attributes(media),
            ..PutMultipartOptions::default()
        };
        let begin = self.objects.put_multipart_opts(&target, options);
        let upload = self.call(key, limits::ANSWER, begin).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        match self.send_parts(key, pieces, &mut upload).await {
            Ok(()) => {
                let limit = limits::sending(PART_BYTES * (PARTS + 1));
                Ok(self.call(key, limit, upload.finish()).await.map(drop)?)
            }
            Err(error) => {
                // Parts that nobody joins would be kept, and paid for, for ever.
                let _ = self.in_time(limits::ANSWER, upload.abort()).await;
                Err(error)
            }
        }
    }

    async fn send_parts<E: From<Error>>(
        &self,
        key: &str,
        pieces: impl Stream<Item = Result<Bytes, E>>,
        upload: &mut WriteMultipart,
    ) -> Result<(), E> {
        let mut pieces = std::pin::pin!(pieces);
        while let Some(mut piece) = pieces.try_next().await? {
            while !piece.is_empty() {
                upload.put(piece.split_to(PART_BYTES.min(piece.len())));
                // At most a few parts in flight: memory does not grow with the file.
                let room = upload.wait_for_capacity(PARTS);
                self.call(key, limits::sending(PART_BYTES * PARTS), room).await?;
            }
        }
        Ok(())
    }

    /// Writes the object into a file, in place of whatever was there; a reader of the file never
    /// sees a part of it. The folder must exist.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::File`], else as [`Store::put`].
    pub async fn get_to_file(&self, key: &str, file: &Path) -> Result<Digest, Error> {
        let failed = |source| Error::File { path: file.to_owned(), source };
        let (_, mut pieces) = self.open_object(key).await?;
        let (output, temporary) = beside(file).map_err(failed)?.into_parts();
        let mut output = File::from_std(output);
        let mut hasher = Hasher::default();
        while let Some(piece) = pieces.try_next().await? {
            hasher.update(&piece);
            output.write_all(&piece).await.map_err(failed)?;
        }
        output.flush().await.map_err(failed)?;
        temporary.persist(file).map_err(|error| failed(error.error))?;
        Ok(hasher.finish())
    }
}

/// A new file in the folder of `file`, with the permissions that any new file gets.
fn beside(file: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let create = |path: &Path| std::fs::File::options().write(true).create_new(true).open(path);
    tempfile::Builder::new().prefix(".part-").make_in(folder, create)
}

/// A file that is being read.
struct Input {
    file: File,
    path: PathBuf,
    /// How much is probably left, bytes: saves memory, decides nothing.
    left: usize,
    hasher: Hasher,
}

impl Input {
    async fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let mut file = File::open(path).await.map_err(failed)?;
        let size = file.metadata().await.map_err(failed)?.len();
        file.set_max_buf_size(PIECE_BYTES);
        let left = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(Self { file, path: path.to_owned(), left, hasher: Hasher::default() })
    }

    /// The next `most` bytes; fewer at the end only.
    async fn read(&mut self, most: usize) -> Result<Bytes, Error> {
        let mut bytes = BytesMut::new();
        while bytes.len() < most {
            let before = bytes.len();
            // One more byte than is left lets the last read find the end.
            bytes.reserve(PIECE_BYTES.min(most - before).min(self.left.saturating_add(1)));
            let mut rest = (&mut self.file).take((most - before) as u64);
            let count = rest.read_buf(&mut bytes).await;
            let count = count.map_err(|source| Error::File { path: self.path.clone(), source })?;
            if count == 0 {
                break;
            }
            self.left = self.left.saturating_sub(count);
            self.hasher.update(&bytes[before..]);
        }
        Ok(bytes.freeze())
    }
}

/// The content of an open file of `size` bytes, piece by piece.
pub(crate) fn read_file(
    mut file: File,
    path: PathBuf,
    size: u64,
) -> BoxStream<'static, Result<Bytes, Error>> {
    file.set_max_buf_size(PIECE_BYTES);
    let pieces = futures::stream::try_unfold((file, size), move |(mut file, left)| {
        let path = path.clone();
        async move {
            if left == 0 {
                return Ok(None);
            }
            let most = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
            let mut piece = vec![0; most];
            let read = file.read(&mut piece).await;
            let count = read.map_err(|source| Error::File { path: path.clone(), source })?;
            if count == 0 {
                return Err(Error::File { path, source: io::ErrorKind::UnexpectedEof.into() });
            }
            piece.truncate(count);
            Ok(Some((Bytes::from(piece), (file, left - count as u64))))
        }
    });
    pieces.boxed()
}
