//! Whether the dashboard's sources have changed.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use crate::process::Outcome;

/// What the build reads, below `web`.
const READ: [&str; 5] = ["index.html", "package-lock.json", "src", "tsconfig.json", "vite.config.ts"];

/// A text that is another one where names or contents are.
pub fn fingerprint(web: &Path) -> Outcome<String> {
    let mut hasher = DefaultHasher::new();
    for name in READ {
        for file in files(&web.join(name))? {
            file.strip_prefix(web)?.hash(&mut hasher);
            fs::read(&file)?.hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// A file, or all files in a folder, in order.
fn files(path: &Path) -> Outcome<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Outcome<Vec<_>>>()?;
    let mut found = Vec::new();
    for entry in entries {
        found.extend(files(&entry)?);
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contents_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let web = folder.path();
        fs::create_dir_all(web.join("src/views")).expect("folders");
        for name in ["index.html", "package-lock.json", "tsconfig.json", "vite.config.ts", "src/views/a.tsx"]
        {
            fs::write(web.join(name), name).expect("a file");
        }
        let now = || fingerprint(web).expect("sources");
        let first = now();
        assert_eq!(first, now());
        fs::write(web.join("src/views/a.tsx"), "b").expect("a file");
        let changed = now();
        assert_ne!(first, changed);
        fs::rename(web.join("src/views/a.tsx"), web.join("src/views/b.tsx")).expect("another name");
        assert_ne!(changed, now());
        fs::write(web.join("notes.txt"), "of no account").expect("a file");
        fs::rename(web.join("src/views/b.tsx"), web.join("src/views/a.tsx")).expect("the first name");
        assert_eq!(changed, now());
    }
}
