use super::*;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;

type Reference = MemoryBackedTree<Sha256, Vec<u8>>;

fn reference(entries: &[Vec<u8>]) -> Reference {
    let mut tree = Reference::new();
    entries.iter().for_each(|entry| tree.push(entry.clone()));
    tree
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<32>().0.iter().copied().map(Bytes).collect()
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

#[test]
fn known_answers_of_the_certificate_transparency_test_tree() {
    let entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
        .map(|text| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap());
    let last = data_encoding::HEXLOWER.decode(b"606162636465666768696a6b6c6d6e6f").unwrap();
    let leaves: Vec<_> = entries.iter().chain([&last]).map(|entry| leaf_hash(entry)).collect();
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, expected) in roots.iter().enumerate() {
        assert_eq!(root(&leaves[..size]).to_string(), *expected, "size {size}");
    }
    assert_eq!(EMPTY_ROOT.to_string(), roots[0]);
}

proptest! {
    #[test]
    fn agrees_with_an_independent_implementation(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 1..70),
        pick in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let tree = reference(&entries);
        let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let (size, index) = (leaves.len(), pick.index(leaves.len()));
        let whole = root(&leaves);
        let their_root = tree.root();
        prop_assert_eq!(&whole.0[..], &their_root.as_bytes()[..]);

        let ours = inclusion_proof(&leaves, index as u64, size as u64).unwrap();
        let theirs: InclusionProof<Sha256> = tree.prove_inclusion(index);
        prop_assert_eq!(&ours, &hashes(theirs.as_bytes()));
        prop_assert_eq!(verify_inclusion(&leaves[index], index as u64, size as u64, &ours, &whole), Ok(()));

        let old = 1 + cut.index(size);
        let theirs: ConsistencyProof<Sha256> = tree.prove_consistency(size - old);
        let ours = consistency_proof(&leaves, old as u64, size as u64).unwrap();
        let old_root = root(&leaves[..old]);
        prop_assert_eq!(&ours, &hashes(theirs.as_bytes()));
        prop_assert_eq!(verify_consistency(old as u64, &old_root, size as u64, &whole, &ours), Ok(()));
        let their_old = RootHash::<Sha256>::new(old_root.0.into(), old as u64);
        prop_assert!(tree.root().verify_consistency(&their_old, &theirs).is_ok());
    }

    #[test]
    fn any_changed_input_is_refused(
        size in 2u64..80, index in any::<prop::sample::Index>(), old in any::<prop::sample::Index>(),
        bit in 0usize..256, place in any::<prop::sample::Index>(),
    ) {
        let leaves = leaves(size);
        let index = index.index(size as usize) as u64;
        let whole = root(&leaves);
        let flip = |hash: &mut Hash| hash.0[bit / 8] ^= 1 << (bit % 8);
        let leaf = leaves[index as usize];

        let proof = inclusion_proof(&leaves, index, size).unwrap();
        let mut bad = proof.clone();
        flip(&mut bad[place.index(proof.len())]);
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &bad, &whole), Err(ProofError::Root));
        let other = (index + 1) % size;
        prop_assert!(verify_inclusion(&leaf, other, size, &proof, &whole).is_err());
        let long: Vec<_> = proof.iter().copied().chain([leaf]).collect();
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &long, &whole), Err(ProofError::Length));
        prop_assert_eq!(
            verify_inclusion(&leaf, index, size, &proof[1..], &whole).is_ok(), false);

        let old = 1 + old.index(size as usize - 1) as u64;
        let old_root = root(&leaves[..old as usize]);
        let proof = consistency_proof(&leaves, old, size).unwrap();
        let mut bad = proof.clone();
        flip(&mut bad[place.index(proof.len())]);
        prop_assert!(verify_consistency(old, &old_root, size, &whole, &bad).is_err());
        let mut wrong = old_root;
        flip(&mut wrong);
        prop_assert!(verify_consistency(old, &wrong, size, &whole, &proof).is_err());
        wrong = whole;
        flip(&mut wrong);
        prop_assert!(verify_consistency(old, &old_root, size, &wrong, &proof).is_err());
        prop_assert!(verify_consistency(old, &old_root, size, &whole, &proof[1..]).is_err());
    }

    #[test]
    fn a_frontier_survives_its_bytes(size in 0u64..200, more in 0u64..40) {
        let leaves = leaves(size + more);
        let mut frontier = Frontier::new();
        frontier.extend(leaves[..size as usize].iter().copied());
        let mut read = Frontier::from_bytes(&frontier.to_bytes()).unwrap();
        prop_assert_eq!(&read, &frontier);
        read.extend(leaves[size as usize..].iter().copied());
        prop_assert_eq!(read.root(), root(&leaves));
        prop_assert_eq!(read.size(), size + more);
    }
}

#[test]
fn frontier_bytes_with_missing_or_trailing_hashes_are_refused() {
    let mut frontier = Frontier::new();
    frontier.extend(leaves(5));
    let bytes = frontier.to_bytes();
    assert_eq!(bytes.len(), 8 + 2 * 32);
    for length in [0, 7, 8, 40, 71] {
        assert_eq!(Frontier::from_bytes(&bytes[..length]), None, "{length}");
    }
    assert_eq!(Frontier::from_bytes(&[bytes, vec![0; 32]].concat()), None);
}

#[test]
fn a_shrunken_log_is_refused() {
    let leaves = leaves(5);
    let (five, three) = (root(&leaves), root(&leaves[..3]));
    assert_eq!(verify_consistency(5, &five, 3, &three, &[]), Err(ProofError::Shrunk { old: 5, new: 3 }));
    assert_eq!(consistency_proof(&leaves, 5, 3), Err(ProofError::Shrunk { old: 5, new: 3 }));
}

#[test]
fn two_roots_of_one_size_are_a_fork() {
    let (one, two) = (leaf_hash(b"1"), leaf_hash(b"2"));
    assert_eq!(verify_consistency(1, &one, 1, &one, &[]), Ok(()));
    assert_eq!(verify_consistency(1, &one, 1, &two, &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(1, &one, 1, &one, &[two]), Err(ProofError::Length));
}

#[test]
fn every_log_extends_the_empty_one_but_not_an_empty_one_with_another_root() {
    let one = leaf_hash(b"1");
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 1, &one, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &one, 1, &one, &[]), Err(ProofError::OldRoot));
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 1, &one, &[one]), Err(ProofError::Length));
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 0, &one, &[]), Err(ProofError::Root));
}

#[test]
fn leaves_and_sizes_outside_the_tree_are_refused() {
    let leaves = leaves(3);
    let whole = root(&leaves);
    assert_eq!(inclusion_proof(&leaves, 0, 4), Err(ProofError::SizeOutside { size: 4, leaves: 3 }), "size");
    assert_eq!(inclusion_proof(&leaves, 3, 3), Err(ProofError::IndexOutside { index: 3, size: 3 }));
    assert_eq!(
        verify_inclusion(&whole, 0, 0, &[], &whole),
        Err(ProofError::IndexOutside { index: 0, size: 0 })
    );
}

#[test]
fn a_node_passed_off_as_a_leaf_is_refused() {
    let leaves = leaves(4);
    let node = node_hash(&leaves[0], &leaves[1]);
    let sibling = node_hash(&leaves[2], &leaves[3]);
    // The hash itself would fit in a tree of two; in the tree of four it does not.
    assert_eq!(verify_inclusion(&node, 0, 4, &[sibling], &root(&leaves)), Err(ProofError::Length));
    let forged = [leaves[0].0, leaves[1].0].concat();
    assert_ne!(leaf_hash(&forged), node);
}
