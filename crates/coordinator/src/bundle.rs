//! The bundle of a run: the files of its folder in the order in which they are stored, result last.
//!
//! Everything in it is a function of what is stored elsewhere, so whoever takes over a run that is
//! half stored writes the same again: artifacts, archives, texts, manifest, signature, the result.

mod pack;

use std::collections::BTreeSet;
use std::future::ready;
use std::path::PathBuf;

use alt::{ArchiveChoice, LastOptions};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use last::{ArchiveForm, FileDigest, GZIP_ENDING, MANIFEST_FILE, Manifest, SIGNATURE_FILE};
use protocol::RunId;
use protocol::planted::{Bug, is_planted};
use store::{Created, Store};
use tracing::error;

use crate::Settings;

/// Artifacts copied at once.
const COPIES: usize = 8;

/// The name of the result in its folder.
pub(crate) const LAST: &str = "last.json";

/// What a bundle holds beside its result, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) html: bool,
    pub(crate) graph: bool,
    pub(crate) artifacts: bool,
    pub(crate) archives: Vec<ArchiveForm>,
    pub(crate) compression: bool,
    pub(crate) insights: bool,
}

impl Wanted {
    /// Whoever submitted goes first, then the coordinator, then the file.
    pub(crate) fn of(submitted: LastOptions, settings: LastOptions, file: LastOptions) -> Self {
        let said = submitted.or(settings).or(file);
        Self {
            html: said.html.unwrap_or(true),
            graph: said.graph.unwrap_or(true),
            artifacts: said.artifacts.unwrap_or(true),
            archives: match said.archive.unwrap_or(ArchiveChoice::Zip) {
                ArchiveChoice::Off => Vec::new(),
                ArchiveChoice::Zip => vec![ArchiveForm::Zip],
                ArchiveChoice::TarZst => vec![ArchiveForm::TarZst],
                ArchiveChoice::Both => ArchiveForm::ALL.to_vec(),
            },
            compression: said.compression.unwrap_or(false),
            // Never by itself: it sends what tasks said to somebody else, and it costs.
            insights: said.ai_insights.unwrap_or(false),
        }
    }
}

/// A file of a bundle.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// From the folder of the LAST.
    pub(crate) path: String,
    pub(crate) digest: FileDigest,
    pub(crate) content: Content,
}

/// Where the content of a file is.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Here.
    Bytes(Bytes),
    /// In a file on this machine.
    File(PathBuf),
    /// In the store, under this key.
    Object(String),
}

impl Member {
    /// A file whose content is at hand.
    pub(crate) fn text(path: &str, content: impl Into<Bytes>) -> Self {
        let content: Bytes = content.into();
        let digest = digest(&content);
        Self { path: path.to_owned(), digest, content: Content::Bytes(content) }
    }
}

fn digest(bytes: &Bytes) -> FileDigest {
    FileDigest { size: bytes.len() as u64, sha256: store::sha256(bytes) }
}

/// All of a bundle, ready to be stored as often as it takes.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// `last.json`.
    last: Member,
    /// It, compressed, if it is to be stored so.
    packed: Option<Content>,
    /// All other files that the manifest names.
    beside: Vec<Member>,
    manifest: Bytes,
    signature: Option<Bytes>,
    archives: Vec<ArchiveForm>,
}

impl Bundle {
    /// The bundle of `run`: `last` is its result, `packed` the same compressed.
    pub(crate) fn new(
        run: RunId,
        settings: &Settings,
        archives: Vec<ArchiveForm>,
        (last, packed): (Member, Option<Content>),
        beside: Vec<Member>,
    ) -> Self {
        let files = std::iter::once(&last).chain(&beside);
        let files = files.map(|member| (member.path.clone(), member.digest.clone()));
        let manifest = Bytes::from(Manifest::new(run, files).text());
        let signature = settings.signing_key.as_ref().map(|key| key.sign(&manifest).into());
        Self { last, packed, beside, manifest, signature, archives }
    }

    /// The name under which the result is stored.
    pub(crate) fn result_name(&self) -> String {
        match self.packed {
            Some(_) => format!("{LAST}{GZIP_ENDING}"),
            None => LAST.to_owned(),
        }
    }

    /// Stores all of it in `folder`, the result at the end; returns the SHA-256 of what is stored as
    /// the result, or the keys of what is to be copied and is not there. May be done again from the
    /// start.
    pub(crate) async fn put(
        &self,
        store: &Store,
        folder: &str,
    ) -> Result<Result<String, BTreeSet<String>>, store::Error> {
        let at = |name: &str| format!("{folder}/{name}");
        let (mut texts, mut copies) = (Vec::new(), Vec::new());
        for Member { path, digest, content } in &self.beside {
            match content {
                Content::Bytes(text) => texts.push((at(path), text.clone())),
                Content::File(file) => drop(store.put_file(&at(path), file).await?),
                // Boxed: a future that holds each of them by value would be as large as all of them.
                Content::Object(from) => {
                    copies.push(Box::pin(copy(store, from, at(path), digest.size)));
                }
            }
        }
        let copies = stream::iter(copies).buffer_unordered(COPIES);
        let gone: BTreeSet<String> =
            copies.try_filter_map(|gone| ready(Ok(gone))).try_collect().await?;
        if !gone.is_empty() {
            return Ok(Err(gone));
        }
        for form in &self.archives {
            self.put_archive(store, *form, &at(form.file_name())).await?;
        }
        texts.push((at(MANIFEST_FILE), self.manifest.clone()));
        texts.extend(self.signature.clone().map(|text| (at(SIGNATURE_FILE), text)));
        self.put_result(store, texts, at(&self.result_name())).await.map(Ok)
    }

    /// Stores the archive. One that cannot be made leaves everything else as it is.
    async fn put_archive(
        &self,
        store: &Store,
        form: ArchiveForm,
        key: &str,
    ) -> Result<(), store::Error> {
        let mut members = vec![Member::text(MANIFEST_FILE, self.manifest.clone())];
        members.extend(self.signature.clone().map(|text| Member::text(SIGNATURE_FILE, text)));
        members.push(self.last.clone());
        members.extend(self.beside.iter().cloned());
        let packed = match pack::pack(store, form, members) {
            Ok(pieces) => store.put_stream(key, pieces).await,
            Err(error) => Err(error),
        };
        match packed {
            Ok(()) => Ok(()),
            Err(pack::Error::Store(error)) if !matches!(error, store::Error::Missing(_)) => {
                Err(error)
            }
            Err(error) => {
                error!(key, error = %error, "no archive can be made; all else is stored");
                Ok(())
            }
        }
    }

    /// The SHA-256 of the result that is stored in `folder` already, if one is.
    pub(crate) async fn stored_result(
        &self,
        store: &Store,
        folder: &str,
    ) -> Result<Option<String>, store::Error> {
        let key = format!("{folder}/{}", self.result_name());
        match store.get(&key).await {
            Err(store::Error::Missing(_)) => Ok(None),
            there => Ok(Some(store::sha256(&there?))),
        }
    }

    /// Stores the texts, and behind them the result; returns its SHA-256.
    async fn put_result(
        &self,
        store: &Store,
        texts: Vec<(String, Bytes)>,
        key: String,
    ) -> Result<String, store::Error> {
        let put = match self.packed.as_ref().unwrap_or(&self.last.content) {
            Content::File(path) => {
                store.put_all(texts).await?;
                let put = store.put_file_new(&key, path).await;
                put.map(|(created, digest)| (created, digest.sha256))
            }
            Content::Bytes(bytes) => {
                let put = store.put_all_then_new(texts, (key.clone(), bytes.clone())).await;
                put.map(|created| (created, store::sha256(bytes)))
            }
            Content::Object(from) => Err(store::Error::Key(from.clone())),
        };
        let (created, ours) = match put {
            Err(_) if is_planted(Bug::FailedWriteTakenAsDone) => return Ok(String::new()),
            put => put?,
        };
        if created == Created::Exists {
            // Whoever was here before wrote the same, for it is a function of what is stored; should
            // it not be the same, what may have been read already stands.
            let there = store::sha256(&store.get(&key).await?);
            if there != ours {
                error!(key, there, ours, "another LAST is there; it stands");
            }
            return Ok(there);
        }
        Ok(ours)
    }
}

/// Copies an object of so many bytes; its key, if nothing is there.
async fn copy(
    store: &Store,
    from: &str,
    to: String,
    size: u64,
) -> Result<Option<String>, store::Error> {
    match store.copy(from, &to).await {
        // Who conducted the run before may have copied it while it was there.
        Err(store::Error::Missing(_)) => {
            let is_copied = store.head(&to).await? == Some(size);
            Ok((!is_copied).then(|| from.to_owned()))
        }
        copied => copied.map(|()| None),
    }
}
