//! Puts what Vite has built into the binary. Without it, the table of files is empty.

use std::error::Error;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Packed copies of a file, by what is behind its name.
const PACKED: [&str; 2] = ["br", "gz"];

fn main() -> Result<(), Box<dyn Error>> {
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let site = dist.join("site");
    let mut files = Vec::new();
    if site.is_dir() {
        collect(&site, &mut files)?;
    }
    files.sort();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut table = String::from("&[\n");
    for (number, file) in files.iter().enumerate() {
        entry(&mut table, &site, file, &out, number)?;
    }
    table.push(']');
    fs::write(out.join("site.rs"), table)?;
    Ok(())
}

/// All files below a folder but packed copies.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if !path.extension().is_some_and(|kind| PACKED.iter().any(|packed| kind == *packed)) {
            files.push(path);
        }
    }
    Ok(())
}

/// A file as a constant expression. Its content is copied: the site may be built anew before the compiler reads it.
fn entry(
    table: &mut String,
    site: &Path,
    file: &Path,
    out: &Path,
    number: usize,
) -> Result<(), Box<dyn Error>> {
    let name = file.strip_prefix(site)?.to_str().ok_or("a name that is not UTF-8")?;
    let content = fs::read(file)?;
    let tag = fingerprint(&content);
    fs::write(out.join(number.to_string()), content)?;
    let mut packed = [String::from("None"), String::from("None")];
    for (kind, expression) in PACKED.iter().zip(&mut packed) {
        let copy = format!("{number}.{kind}");
        let from = format!("{}.{kind}", file.display());
        if Path::new(&from).is_file() {
            fs::copy(from, out.join(&copy))?;
            *expression = format!("Some({})", included(&copy));
        }
    }
    let ([brotli, gzip], plain) = (packed, included(&number.to_string()));
    writeln!(
        table,
        "Built {{ name: {name:?}, tag: \"{tag:016x}\", plain: {plain}, brotli: {brotli}, gzip: {gzip} }},"
    )?;
    Ok(())
}

fn included(copy: &str) -> String {
    format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{copy}\"))")
}

/// Another one for another content. It need not be the same with another compiler.
fn fingerprint(content: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
