//! What came of it: the LAST file, its picture and its summary.
//!
//! Pure: the same facts make the same bytes on every machine. [`assemble()`] streams a LAST from what
//! the coordinator knows, [`read`] takes one back strictly, [`verify()`] holds it against its folder.

mod assemble;
mod escape;
mod facts;
mod model;
mod moment;
mod path;
mod picture;
mod read;
mod schema;
mod sheet;
mod show;
mod summary;
mod verify;

pub use assemble::{AssembleError, Assembled, Promotion, assemble};
pub use facts::{AttemptFacts, RunFacts, TaskEnd, TaskFacts};
pub use model::{
    Artifact, ArtifactType, AttemptResult, Chaos, CriticalPath, DependencyType, Edge,
    ExecutionGraph, LastFile, Metadata, Node, OutputRef, TaskMetadata, TaskResult, TaskStatus,
    VERSION,
};
pub use moment::Moment;
pub use path::{artifact_kind, slug};
pub use picture::Picture;
pub use read::{ReadError, read};
pub use schema::schema;
pub use show::show;
pub use summary::summary_text;
pub use verify::{Problem, Verified, verify};
