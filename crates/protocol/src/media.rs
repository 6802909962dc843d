//! What a file is served as, told from the ending of its name.

/// The media type that a name promises: `application/octet-stream` when nothing is known.
#[must_use]
pub fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit('/').next().and_then(|file| file.rsplit_once('.'));
    let extension = extension.map_or_else(String::new, |(_, text)| text.to_ascii_lowercase());
    match extension.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "ico" => "image/vnd.microsoft.icon",
        "json" | "geojson" | "ipynb" => "application/json",
        "jsonl" | "ndjson" => "application/x-ndjson",
        "txt" | "text" | "srt" | "rst" | "tex" | "dot" | "mmd" | "toml" | "ini" | "rs" | "py"
        | "go" | "c" | "h" | "cpp" | "java" | "sh" | "sql" | "ts" | "diff" | "patch" | "log" => {
            "text/plain"
        }
        "md" | "markdown" => "text/markdown",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "vtt" => "text/vtt",
        "xml" => "application/xml",
        "yaml" | "yml" => "application/yaml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "tar" => "application/x-tar",
        "zst" => "application/zstd",
        "wasm" => "application/wasm",
        "parquet" => "application/vnd.apache.parquet",
        "sqlite" | "db" => "application/vnd.sqlite3",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    }
}
