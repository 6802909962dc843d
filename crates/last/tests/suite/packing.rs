//! A bundle in one file: the same bytes, clean for every other program, and held against its manifest.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use last::{
    Archive, ArchiveForm, FileDigest, MANIFEST_FILE, Manifest, PublicKey, SIGNATURE_FILE,
    SigningKey,
};
use protocol::RunId;

use crate::sample::{PAGE, RELEASE, STORED, assemble, release};

const RUN: RunId = RunId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

/// Made by `openssl genpkey -algorithm ed25519`, for these tests.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIBlpYsGl09mf+tiEYmbG/oLEsfI4nj6gJY7R+zb13Pot
-----END PRIVATE KEY-----
";

/// Its other half, by `openssl pkey -pubout`.
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAjYKlAezymH8EjKL5Nj6hc41VDWDg1NPL29PdkVdiLYE=
-----END PUBLIC KEY-----
";

type Files = Vec<(String, Vec<u8>)>;

fn digest(content: &[u8]) -> FileDigest {
    FileDigest::read(content).unwrap()
}

/// The files of a bundle, without its papers.
fn files() -> Files {
    let (text, assembled) = assemble(&release());
    let mut files = vec![
        ("last.json".to_owned(), text.into_bytes()),
        ("summary.txt".to_owned(), assembled.summary.into_bytes()),
        (last::ALT_FILE.to_owned(), RELEASE.into()),
    ];
    files.extend(assembled.promotions.into_iter().map(|promotion| {
        let content = if promotion.to.starts_with("outputs/") { STORED } else { PAGE };
        (promotion.to, content.into())
    }));
    files
}

fn manifest(files: &Files) -> Vec<u8> {
    Manifest::new(RUN, files.iter().map(|(path, content)| (path.clone(), digest(content)))).text()
}

/// The same with its papers.
fn bundle() -> Files {
    let files = files();
    let manifest = manifest(&files);
    let signature = SigningKey::from_pem(KEY).unwrap().sign(&manifest);
    let papers = [(MANIFEST_FILE.to_owned(), manifest), (SIGNATURE_FILE.to_owned(), signature)];
    papers.into_iter().chain(files).collect()
}

fn pack(form: ArchiveForm, files: &Files, piece: usize) -> Vec<u8> {
    let mut archive = Archive::new(form, Vec::new()).unwrap();
    for (path, content) in files {
        archive.begin(path, digest(content)).unwrap();
        content.chunks(piece).for_each(|piece| archive.write(piece).unwrap());
        archive.end().unwrap();
    }
    archive.finish().unwrap()
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn problems(path: &Path) -> String {
    let problems = last::verify(path).unwrap_err();
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// A zip as another program may make it.
fn zip_of(files: &Files) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, content) in files {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(path, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A tar as another program may make it: names are not looked at.
fn tar_of(files: &Files) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, content.as_slice()).unwrap();
    }
    zstd::encode_all(tar.into_inner().unwrap().as_slice(), 0).unwrap()
}

fn put(files: &mut Files, path: &str, content: &[u8]) {
    match files.iter_mut().find(|(known, _)| known == path) {
        Some(file) => file.1 = content.into(),
        None => files.push((path.to_owned(), content.into())),
    }
}

#[test]
fn the_same_files_make_the_same_bytes_in_whatever_pieces_they_pass() {
    for form in ArchiveForm::ALL {
        let whole = pack(form, &bundle(), usize::MAX);
        for piece in [1, 7, 512, 4096] {
            assert!(pack(form, &bundle(), piece) == whole, "{form:?} in pieces of {piece}");
        }
    }
}

#[test]
fn an_archive_is_in_order_and_says_who_signed_it() {
    let place = Place::new();
    let key = PublicKey::read(PUBLIC).unwrap();
    for form in ArchiveForm::ALL {
        let path = place.keep(form.file_name(), &pack(form, &bundle(), 1000));
        let verified = last::verify(&path).unwrap();
        assert_eq!((verified.tasks, verified.artifacts, verified.outputs), (6, 2, 1));
        assert_eq!((verified.manifest, verified.signed_by), (Some(files().len()), Some(key)));
        let unsigned: Files =
            bundle().into_iter().filter(|(path, _)| path != SIGNATURE_FILE).collect();
        let path = place.keep(form.file_name(), &pack(form, &unsigned, 1000));
        assert_eq!(last::verify(&path).unwrap().signed_by, None);
        let (text, alt) = last::load(&path).unwrap();
        assert_eq!(text, files()[0].1);
        assert_eq!(alt.is_some(), form == ArchiveForm::Zip);
    }
}

#[test]
fn other_programs_open_an_archive_and_find_nothing_wrong() {
    let place = Place::new();
    let mut bundle = bundle();
    let long = format!("artifacts/{}/{}.txt", "d".repeat(120), "é".repeat(90));
    bundle.push((long.clone(), b"a long name".to_vec()));
    let zip = place.keep("last.zip", &pack(ArchiveForm::Zip, &bundle, 1000));
    let tar = place.keep("last.tar.zst", &pack(ArchiveForm::TarZst, &bundle, 1000));
    let call = |program: &str, arguments: &[&str]| {
        let called = Command::new(program).args(arguments).current_dir(place.0.path()).output();
        match called {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            called => Some(called.unwrap()),
        }
    };
    if let Some(tested) = call("unzip", &["-t", zip.to_str().unwrap()]) {
        let text = String::from_utf8_lossy(&tested.stdout).into_owned();
        assert!(tested.status.success() && text.contains("No errors"), "{tested:?}");
        assert!(tested.stderr.is_empty(), "{tested:?}");
    }
    let unpacking = ["-x", "-f", tar.to_str().unwrap(), "--zstd"];
    if call("zstd", &["--version"]).is_some()
        && let Some(unpacked) = call("tar", &unpacking)
    {
        assert!(unpacked.status.success(), "{unpacked:?}");
        for (path, content) in &bundle {
            assert!(fs::read(place.0.path().join(path)).unwrap() == *content, "{path}");
        }
    }
}

#[test]
fn what_is_not_what_was_announced_is_not_packed() {
    for form in ArchiveForm::ALL {
        let mut archive = Archive::new(form, Vec::new()).unwrap();
        archive.begin("artifacts/a", digest(b"one")).unwrap();
        archive.write(b"two").unwrap();
        let error = archive.end().unwrap_err().to_string();
        assert!(error.starts_with("`artifacts/a` is not what the run left"), "{error}");
    }
}

#[test]
fn an_archive_that_was_cut_is_refused_wherever_it_was() {
    let place = Place::new();
    for form in ArchiveForm::ALL {
        let whole = pack(form, &bundle(), 1000);
        let name = form.file_name();
        for part in 1..40 {
            let path = place.keep(name, &whole[..whole.len() * part / 40]);
            let told = problems(&path);
            assert!(told.contains(name) && told.contains("cannot be"), "{part}: {told}");
        }
    }
}

#[test]
fn what_an_archive_should_not_hold_is_named() {
    let bomb = vec![0; 50 << 20];
    type Change<'a> = Box<dyn Fn(&mut Files) + 'a>;
    let cases: Vec<(&str, Change<'_>, &str)> = vec![
        ("no manifest", Box::new(|all| all.retain(|(path, _)| path != MANIFEST_FILE)), "manifest"),
        (
            "no result",
            Box::new(|all| all.retain(|(path, _)| path != "last.json")),
            "last.json: is missing",
        ),
        (
            "no artifact",
            Box::new(|all| all.retain(|(path, _)| !path.starts_with("artifacts/"))),
            "is missing",
        ),
        ("a bomb", Box::new(|all| put(all, "summary.txt", &bomb)), "holds more than its"),
        ("a bomb as the result", Box::new(|all| put(all, "last.json", &bomb)), "holds more than"),
        ("another text", Box::new(|all| put(all, "summary.txt", b"all went well")), "summary.txt"),
        (
            "what nobody vouches for",
            Box::new(|all| put(all, "artifacts/more", b"x")),
            "artifacts/more: is in the archive and not in",
        ),
        ("a way up", Box::new(|all| put(all, "../../up", b"x")), "../../up"),
        ("a way to the root", Box::new(|all| put(all, "/etc/cron.d/x", b"x")), "/etc/cron.d/x"),
        ("another manifest", Box::new(|all| put(all, MANIFEST_FILE, b"{}")), MANIFEST_FILE),
        ("no signature", Box::new(|all| put(all, SIGNATURE_FILE, b"{}")), SIGNATURE_FILE),
        ("no LAST", Box::new(|all| put(all, "last.json", b"{}")), "last.json"),
    ];
    let place = Place::new();
    for (what, change, needle) in cases {
        let mut files = bundle();
        change(&mut files);
        for (name, bytes) in [("a.zip", zip_of(&files)), ("a.tar.zst", tar_of(&files))] {
            let told = problems(&place.keep(name, &bytes));
            assert!(told.contains(name) && told.contains(needle), "{what} in {name}: {told}");
        }
    }
}

#[test]
fn a_signature_of_something_else_is_seen() {
    let place = Place::new();
    let key = SigningKey::from_pem(KEY).unwrap();
    let other = Manifest::new(RunId::from_bits(1), [("last.json".to_owned(), digest(b"{}"))]);
    for (what, signature, needle) in [
        ("another manifest", key.sign(&other.text()), "does not fit the manifest"),
        ("cut", key.sign(b"x")[..20].to_vec(), "is not a signature"),
        (
            "another key",
            String::from_utf8(key.sign(&manifest(&files())))
                .unwrap()
                .replace(&key.public().to_string(), &"01".repeat(32))
                .into_bytes(),
            "",
        ),
    ] {
        let mut files = bundle();
        put(&mut files, SIGNATURE_FILE, &signature);
        let told = problems(&place.keep("last.zip", &pack(ArchiveForm::Zip, &files, 1000)));
        assert!(told.contains(SIGNATURE_FILE) && told.contains(needle), "{what}: {told}");
    }
}

#[test]
fn a_folder_with_papers_is_held_against_them() {
    let place = Place::new();
    for (path, content) in bundle() {
        let path = place.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let verified = last::verify(place.0.path()).unwrap();
    assert_eq!(verified.manifest, Some(files().len()));
    // The result names no summary, so only the manifest tells.
    fs::write(place.0.path().join("summary.txt"), "all went well").unwrap();
    let told = problems(place.0.path());
    assert!(told.contains("manifest.json/files/1: `summary.txt` has 13 bytes"), "{told}");
    fs::remove_file(place.0.path().join(MANIFEST_FILE)).unwrap();
    let told = problems(place.0.path());
    assert!(told.contains("signs `manifest.json`, which is missing"), "{told}");
    fs::remove_file(place.0.path().join(SIGNATURE_FILE)).unwrap();
    assert_eq!(last::verify(place.0.path()).unwrap().manifest, None, "as older runs left it");
}

#[test]
fn a_compressed_result_is_read_as_any_other() {
    let place = Place::new();
    for (path, content) in bundle() {
        let path = place.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let plain = fs::read(place.0.path().join("last.json")).unwrap();
    let mut packed = Vec::new();
    last::gzip(&mut plain.as_slice(), &mut packed).unwrap();
    fs::remove_file(place.0.path().join("last.json")).unwrap();
    let path = place.keep("last.json.gz", &packed);
    assert_eq!(last::verify(place.0.path()).unwrap(), last::verify(&path).unwrap());
    assert_eq!(last::load(&path).unwrap().0, plain);
    let path = place.keep("last.json.gz", &packed[..packed.len() / 2]);
    assert!(problems(&path).contains("cannot be read"));
}
