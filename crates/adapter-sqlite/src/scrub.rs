//! Old copies of rows in unused bytes of pages.
//!
//! `secure_delete` overwrites a row where it lies when it is deleted. But when a page of a b-tree was
//! split or rebalanced before, SQLite moved rows away and left their bytes behind in what is now the gap
//! between the list of cells and the cells themselves. Nothing reads them and nothing overwrites them
//! until the gap is needed. Here they are: pages are read and written through `sqlite_dbpage`, within a
//! transaction like any other.
//!
//! Format: <https://www.sqlite.org/fileformat2.html#b_tree_pages>.

use std::ops::{Range, RangeInclusive};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::SqliteConnection;

/// In a database of so many pages (64 GiB), the first byte no longer tells pages of b-trees from others:
/// those begin with the number of another page.
const MOST_PAGES: i64 = 1 << 24;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    page_count: i64,
}

#[derive(QueryableByName)]
struct Page {
    #[diesel(sql_type = Binary)]
    data: Vec<u8>,
}

/// How many pages the database has.
pub(crate) fn count(c: &mut SqliteConnection) -> QueryResult<i64> {
    Ok(diesel::sql_query("PRAGMA page_count").get_result::<Count>(c)?.page_count)
}

/// Overwrites the unused bytes of some pages, by their numbers from 1 on, of so many.
pub(crate) fn pages(c: &mut SqliteConnection, numbers: RangeInclusive<i64>, count: i64) -> QueryResult<()> {
    if count >= MOST_PAGES {
        tracing::warn!("the database is so large that old copies of erased rows are not looked for");
        return Ok(());
    }
    for number in numbers {
        let page = diesel::sql_query("SELECT data FROM sqlite_dbpage WHERE pgno = ?");
        let page: Option<Page> = page.bind::<BigInt, _>(number).get_result(c).optional()?;
        let Some(Page { mut data }) = page else { return Ok(()) };
        let header = if number == 1 { 100 } else { 0 };
        if clear(&mut data, header) {
            diesel::sql_query("UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?")
                .bind::<Binary, _>(data)
                .bind::<BigInt, _>(number)
                .execute(c)?;
        }
    }
    Ok(())
}

/// Overwrites a page's unused bytes with zeros, if it is one of a b-tree; true if there were any others.
fn clear(page: &mut [u8], header: usize) -> bool {
    let Some(unused) = unused(page, header) else { return false };
    let mut found = false;
    for range in unused {
        if let Some(bytes) = page.get_mut(range)
            && bytes.iter().any(|byte| *byte != 0)
        {
            bytes.fill(0);
            found = true;
        }
    }
    found
}

/// The gap and the free blocks; `None` if this is no page of a b-tree, or not one that is understood.
fn unused(page: &[u8], header: usize) -> Option<Vec<Range<usize>>> {
    let number = |at: usize| Some(usize::from(u16::from_be_bytes([*page.get(at)?, *page.get(at + 1)?])));
    let length = match page.get(header)? {
        2 | 5 => 12,
        10 | 13 => 8,
        _ => return None,
    };
    let cells = header + length + 2 * number(header + 3)?;
    let content = match number(header + 5)? {
        0 => 65_536,
        content => content,
    };
    if cells > content || content > page.len() {
        return None;
    }
    let mut unused = vec![Range { start: cells, end: content }];
    // Free blocks come in ascending order, each with the place of the next and its own length.
    let (mut block, mut end) = (number(header + 1)?, content);
    while block != 0 {
        let size = number(block + 2)?;
        if block < end || size < 4 || block + size > page.len() {
            return None;
        }
        end = block + size;
        unused.push(block + 4..end);
        block = number(block)?;
    }
    Some(unused)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A leaf of 64 bytes with one cell of 8 bytes at the end and a free block of 8 before it.
    fn leaf() -> Vec<u8> {
        let mut page = vec![7; 64];
        page[..10].copy_from_slice(&[13, 0, 48, 0, 1, 0, 48, 0, 0, 56]);
        page[48..52].copy_from_slice(&[0, 0, 0, 8]);
        page
    }

    #[test]
    fn gap_and_free_blocks_are_overwritten_and_nothing_else() {
        let (before, mut page) = (leaf(), leaf());
        assert!(clear(&mut page, 0));
        assert!(page[10..48].iter().chain(&page[52..56]).all(|byte| *byte == 0));
        assert_eq!(
            (&page[..10], &page[48..52], &page[56..]),
            (&before[..10], &before[48..52], &before[56..])
        );
        assert!(!clear(&mut page, 0), "a second time there is nothing to do");
    }

    #[test]
    fn other_pages_are_left_alone() {
        let mut overflow = vec![9; 64];
        overflow[..4].copy_from_slice(&[0, 0, 0, 7]);
        let mut beyond = leaf();
        beyond[5..7].copy_from_slice(&[1, 0]);
        let mut backward = leaf();
        backward[48..50].copy_from_slice(&[0, 48]);
        for page in [overflow, beyond, backward, vec![13], vec![2; 11], vec![]] {
            let mut same = page.clone();
            assert!(!clear(&mut same, 0));
            assert_eq!(same, page);
        }
    }
}
