//! What came of it: the LAST file, its picture, its report and its summary.
//!
//! Pure: the same facts make the same bytes on every machine. [`assemble()`] streams a LAST from what
//! the coordinator knows, [`read`] takes one back strictly, [`verify()`] holds it against its files,
//! [`reusable()`] tells what the next run need not compute, [`report()`] shows a run on one page.

mod archive;
mod assemble;
mod diff;
mod digest;
mod escape;
mod facts;
mod gzip;
mod manifest;
mod model;
mod moment;
mod path;
mod picture;
mod prompt;
mod read;
mod report;
mod reusable;
mod schema;
mod sheet;
mod show;
mod signature;
mod summary;
mod verify;

pub use archive::{Archive, ArchiveError, ArchiveForm};
pub use assemble::{AssembleError, Assembled, Promotion, assemble, refused};
pub use diff::{Change, Diff, Side, Timing};
pub use digest::FileDigest;
pub use facts::{AttemptFacts, RefusedFacts, RunFacts, TaskEnd, TaskFacts};
pub use gzip::{GZIP_ENDING, RESULT_BYTES, gunzip, gzip};
pub use manifest::{MANIFEST_FILE, Manifest, ManifestError, ManifestFile};
pub use model::{
    AltFileRef, Artifact, ArtifactType, AttemptResult, Chaos, CriticalPath, DependencyType, Edge,
    ExecutionGraph, Insights, LastFile, Metadata, Node, OutputRef, Refusal, Refusals, Reused,
    TaskMetadata, TaskResult, TaskStatus, Unlisted, VERSION, Waits,
};
pub use moment::Moment;
pub use path::{ALT_FILE, artifact_kind, slug};
pub use picture::Picture;
pub use prompt::{Prompt, prompt};
pub use read::{ReadError, read};
pub use report::{Beside, Outline, report};
pub use reusable::{Reusable, reusable};
pub use schema::schema;
pub use show::show;
pub use signature::{PublicKey, SIGNATURE_FILE, SignatureError, SigningKey};
pub use summary::summary_text;
pub use verify::{Papers, Problem, Verified, load, verify, verify_bundle, verify_last};
