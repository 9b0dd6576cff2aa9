//! The files that were built, each plain and packed.

/// A file of the site.
#[derive(Debug, Clone, Copy)]
pub struct Built {
    /// Where it is: `index.html`, `assets/index-Bf3k.js`.
    pub name: &'static str,
    /// Changes with its content.
    pub tag: &'static str,
    /// Its content.
    pub plain: &'static [u8],
    /// The same by Brotli, where that is smaller.
    pub brotli: Option<&'static [u8]>,
    /// The same by gzip, where that is smaller.
    pub gzip: Option<&'static [u8]>,
}

/// All files, or none where the site was not built when the binary was.
#[derive(Debug, Clone, Copy)]
pub struct Site(pub &'static [Built]);

/// What is in this binary.
pub const BUILT: Site = Site(include!(concat!(env!("OUT_DIR"), "/site.rs")));

/// The page that every view is in.
const PAGE: &str = "index.html";

impl Site {
    /// A file by its name.
    pub fn find(&self, name: &str) -> Option<&'static Built> {
        self.0.iter().find(|built| built.name == name)
    }

    /// The page that every view is in.
    pub fn page(&self) -> Option<&'static Built> {
        self.find(PAGE)
    }
}

impl Built {
    /// Its media type, by the end of its name.
    pub fn media_type(&self) -> &'static str {
        match self.name.rsplit_once('.').map(|(_, end)| end) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("woff2") => "font/woff2",
            _ => "application/octet-stream",
        }
    }
}
