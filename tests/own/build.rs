//! Lists the files of `src/jobs`, so that dropping one in is all it takes to add a job.

fn main() -> std::io::Result<()> {
    job_build::find("src/jobs")
}
