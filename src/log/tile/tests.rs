use super::*;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use std::collections::BTreeMap;

fn leaf(n: u64) -> Hash {
    merkle::leaf_hash(&n.to_be_bytes())
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(leaf).collect()
}

/// All tiles as a log of this size makes them, last writer wins, as files do.
fn tiled(size: u64) -> BTreeMap<String, Vec<Hash>> {
    let mut tiling = Tiling::new();
    let mut files = BTreeMap::new();
    for leaf in leaves(size) {
        files.extend(tiling.push(leaf).into_iter().map(|(tile, hashes)| (tile.to_string(), hashes)));
    }
    files.extend(tiling.edge().map(|(tile, hashes)| (tile.to_string(), hashes.to_vec())));
    assert_eq!(tiling.size(), size);
    files
}

/// The hash at a level and place by the definition: the root of its 256^level
/// leaves.
fn by_definition(leaves: &[Hash], level: u32, place: usize) -> Hash {
    let unit = 256usize.pow(level);
    merkle::root(&leaves[place * unit..(place + 1) * unit])
}

fn check_by_brute_force(size: u64) {
    let all = leaves(size);
    let files = tiled(size);
    let mut expected = BTreeMap::new();
    for level in 0..3u32 {
        let count = all.len() / 256usize.pow(level);
        let hashes: Vec<_> = (0..count).map(|place| by_definition(&all, level, place)).collect();
        for (index, chunk) in hashes.chunks(256).enumerate() {
            let tile = Tile::new(Row::Hashes(level as u8), index as u64, chunk.len() as u64).unwrap();
            expected.insert(tile.to_string(), chunk.to_vec());
        }
    }
    assert!(files == expected, "tiles of a log of {size}");
    let named: Vec<_> = tiles(size).filter(|tile| tile.row() != Row::Entries).collect();
    assert_eq!(
        named.iter().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>().len(),
        files.len()
    );
    assert!(named.iter().all(|tile| files.contains_key(&tile.to_string()) && tile.is_of(size)));
    let edge: Vec<_> = edge(size).map(|tile| files[&tile.to_string()].clone()).collect();
    assert_eq!(edge_root(edge.iter().map(Vec::as_slice)), merkle::root(&all), "root of a log of {size}");
}

#[test]
fn tiles_of_small_logs_are_those_of_the_definition() {
    (0..=600).for_each(check_by_brute_force);
}

#[test]
fn tiles_around_the_second_level_are_those_of_the_definition() {
    (65_535..=65_537).for_each(check_by_brute_force);
}

#[test]
fn roots_are_those_of_another_implementation() {
    let mut reference = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut tiling = Tiling::new();
    for n in 0..66_000u64 {
        reference.push(n.to_be_bytes().to_vec());
        tiling.push(leaf(n));
        if n < 600 || (65_534..65_540).contains(&n) {
            assert_eq!(tiling.root().as_ref(), reference.root().as_bytes().as_slice(), "{}", n + 1);
        }
    }
}

#[test]
fn a_log_of_70_000_has_the_tiles_that_the_specification_counts() {
    let of = |row| tiles(70_000).filter(|tile| tile.row() == row).collect::<Vec<_>>();
    let widths = |row| of(row).iter().map(|tile| tile.width()).collect::<Vec<_>>();
    assert_eq!((of(Row::Hashes(0)).len(), widths(Row::Hashes(0)).last()), (274, Some(&112)));
    assert_eq!(widths(Row::Hashes(1)), [256, 17]);
    assert_eq!(widths(Row::Hashes(2)), [1]);
    assert_eq!(of(Row::Hashes(3)), []);
    assert_eq!(of(Row::Entries).len(), 274);
    assert_eq!(edge(70_000).map(|tile| tile.width()).collect::<Vec<_>>(), [112, 17, 1]);
    assert_eq!(
        tiles(256).map(|tile| tile.to_string()).collect::<Vec<_>>(),
        ["tile/0/000", "tile/1/000.p/1", "tile/entries/000",]
    );
    assert_eq!(tiles(0).count(), 0);
}

#[test]
fn new_tiles_are_those_that_the_older_tree_has_not() {
    let sizes = [0, 1, 2, 255, 256, 257, 511, 512, 513, 600, 65_535, 65_536, 65_537];
    for old in sizes {
        for new in sizes.into_iter().filter(|new| *new >= old) {
            for row in [Row::Hashes(0), Row::Hashes(1), Row::Hashes(2), Row::Hashes(3), Row::Entries] {
                let has = |size| new_tiles(row, 0, size).collect::<Vec<_>>();
                let (before, after) = (has(old), has(new));
                let expected: Vec<_> = after.into_iter().filter(|tile| !before.contains(tile)).collect();
                assert_eq!(new_tiles(row, old, new).collect::<Vec<_>>(), expected, "{row:?} {old} {new}");
                assert!(expected.iter().all(|tile| tile.is_of(new) && !tile.is_of(old)));
            }
        }
    }
}

#[test]
fn the_largest_log_has_tiles_on_eight_levels() {
    assert_eq!(rows(u64::MAX).count(), 9);
    assert_eq!(edge(u64::MAX).count(), 8);
    assert!(edge(u64::MAX).all(|tile| tile.width() == 255));
}

#[test]
fn paths_are_written_in_groups_of_three_digits() {
    let path = |row, index, width| Tile::new(row, index, width).unwrap().to_string();
    assert_eq!(path(Row::Hashes(0), 0, 256), "tile/0/000");
    assert_eq!(path(Row::Hashes(1), 999, 1), "tile/1/999.p/1");
    assert_eq!(path(Row::Hashes(2), 1000, 255), "tile/2/x001/000.p/255");
    assert_eq!(path(Row::Entries, 1_234_067, 256), "tile/entries/x001/x234/067");
}

#[test]
fn paths_in_another_form_are_refused() {
    let bad = [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",                                           // too few digits
        "tile/0/0000",                                        // too many
        "tile/00/000",                                        // zeros before the level
        "tile/+0/000",                                        // a sign
        "tile/-1/000",                                        // below any level
        "tile/256/000",                                       // not a level at all
        "tile/0/x000/000",                                    // zeros before the index
        "tile/0/001/000",                                     // x is missing
        "tile/0/x001",                                        // the last group has x
        "tile/0/x001/x000",                                   // so has this
        "tile/0/x1/000",                                      // a short group
        "tile/0/X001/000",                                    // another x
        "tile/0/000.p",                                       // no width
        "tile/0/000.p/",                                      // no width
        "tile/0/000.p/0",                                     // empty
        "tile/0/000.p/01",                                    // a zero before the width
        "tile/0/000.p/256",                                   // whole, but written as a partial one
        "tile/0/000.p/257",                                   // wider than a tile
        "tile/0/000.p/1/",                                    // something behind
        "tile/0/000.p/1.p/1",                                 // two widths
        "/tile/0/000",                                        // absolute
        "./tile/0/000",                                       // another name of the same place
        "tile/0/../0/000",                                    // goes up
        "tile//000",                                          // no level
        "tile/entries/000/",                                  // something behind
        "tile/Entries/000",                                   // another spelling
        "tile/0/000 ",                                        // white space
        "tile/0/０００",                                      // digits of another script
        "tile/8/000.p/1",                                     // 2^64 entries
        "tile/63/000",                         // a level of the specification that no log reaches
        "tile/7/000",                          // 2^64 entries
        "tile/0/x072/x057/x594/x037/x927/936", // 2^64 entries
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999", // overflows
    ];
    for path in bad {
        assert!(Tile::parse(path).is_err(), "{path}");
    }
    assert!(Tile::parse("tile/0/x072/x057/x594/x037/x927/935.p/255").is_ok());
    assert!(Tile::parse("tile/7/000.p/255").is_ok());
    assert_eq!(Tile::parse(&"x".repeat(MAX_PATH + 1)), Err(TileError::Path));
}

#[test]
fn a_tile_knows_its_entries_its_children_and_its_bundle() {
    let tile = Tile::parse("tile/1/001.p/3").unwrap();
    assert_eq!(tile.entries(), 65_536..65_536 + 3 * 256);
    assert_eq!(tile.child(2).unwrap().to_string(), "tile/0/258");
    assert_eq!((tile.child(3), tile.bundle()), (None, None));
    let lowest = Tile::parse("tile/0/258").unwrap();
    assert_eq!(lowest.child(0), None);
    assert_eq!(lowest.bundle().unwrap().to_string(), "tile/entries/258");
    assert_eq!(lowest.with_width(5).unwrap().to_string(), "tile/0/258.p/5");
}

#[test]
fn a_tile_of_another_length_is_refused() {
    let tile = Tile::parse("tile/0/000.p/2").unwrap();
    let bytes = encode_hashes(&leaves(2));
    assert_eq!(decode_hashes(tile, &bytes), Ok(leaves(2)));
    for length in [0, 32, 63, 65, 96] {
        let other = bytes.iter().chain(&bytes).copied().take(length).collect::<Vec<_>>();
        assert_eq!(decode_hashes(tile, &other), Err(TileError::Length { found: length, expected: 64 }));
    }
}

fn entry(text: &str) -> EntryBytes {
    EntryBytes::new(text.as_bytes().to_vec()).unwrap()
}

#[test]
fn a_bundle_is_lengths_and_entries() {
    let entries = [entry("{}"), entry(r#"{"a":1}"#)];
    let bytes = encode_bundle(&entries);
    assert_eq!(bytes, b"\0\x02{}\0\x07{\"a\":1}");
    assert_eq!(decode_bundle(&bytes).unwrap(), entries);
    let longest = entry(&format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_ENTRY - 8)));
    let whole = vec![longest; 256];
    let bytes = encode_bundle(&whole);
    assert_eq!((bytes.len(), decode_bundle(&bytes)), (MAX_BUNDLE, Ok(whole)));
}

#[test]
fn malformed_bundles_are_refused() {
    let refused = |bytes: &[u8]| decode_bundle(bytes).unwrap_err();
    assert_eq!(refused(b""), TileError::Count { found: 0, expected: 1 });
    assert_eq!(refused(b"\0"), TileError::Cut { place: 0 });
    assert_eq!(refused(b"\0\x03{}"), TileError::Cut { place: 0 });
    assert_eq!(refused(b"\0\x02{}\0\x02{"), TileError::Cut { place: 1 });
    assert_eq!(refused(b"\0\x02{}\0"), TileError::Cut { place: 1 });
    assert_eq!(refused(b"\0\0"), TileError::Entry { place: 0, why: EntryError::NotAnObject });
    assert_eq!(refused(b"\0\x02{}\0\x02[]"), TileError::Entry { place: 1, why: EntryError::NotAnObject });
    let many = encode_bundle(&vec![entry("{}"); 257]);
    assert_eq!(refused(&many), TileError::Count { found: 257, expected: 256 });
    let long = vec![0; MAX_BUNDLE + 1];
    assert_eq!(refused(&long), TileError::TooLong { length: MAX_BUNDLE + 1 });
}

#[test]
fn a_bundle_of_another_width_is_refused() {
    let bundle = Tile::parse("tile/entries/000.p/2").unwrap();
    let one = encode_bundle(&[entry("{}")]);
    assert_eq!(decode_bundle_of(bundle, &one), Err(TileError::Count { found: 1, expected: 2 }));
}

proptest! {
    #[test]
    fn what_parses_prints_back(path in "tile/([0-9]{1,2}|entries)/(x[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = Tile::parse(&path) {
            prop_assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn what_prints_parses_back(level in 0u8..8, index in 0u64..1 << 60, width in 1u64..=256) {
        if let Ok(tile) = Tile::new(Row::Hashes(level), index, width) {
            prop_assert_eq!(Tile::parse(&tile.to_string()), Ok(tile));
        }
    }

    #[test]
    fn bundles_that_decode_encode_back(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(2), Just(b'{'), Just(b'}')], 0..12)) {
        if let Ok(entries) = decode_bundle(&bytes) {
            prop_assert_eq!(encode_bundle(&entries), bytes);
        }
    }
}
