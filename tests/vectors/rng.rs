//! The vectors' "randomness": block `k` is SHA-512(seed ‖ k as 8 bytes
//! big-endian), from `k = 0`; each request takes the next bytes of the stream.

use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha512};
use std::convert::Infallible;

#[derive(Clone)]
pub struct VectorRng {
    seed: String,
    next: u64,
    left: Vec<u8>,
}

impl VectorRng {
    pub fn new(seed: &str) -> Self {
        Self { seed: seed.to_owned(), next: 0, left: Vec::new() }
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.try_fill_bytes(&mut bytes).unwrap();
        bytes
    }
}

impl TryRng for VectorRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), Infallible> {
        while self.left.len() < wanted.len() {
            let block = Sha512::new().chain_update(&self.seed).chain_update(self.next.to_be_bytes());
            self.left.extend(block.finalize());
            self.next += 1;
        }
        let rest = self.left.split_off(wanted.len());
        wanted.copy_from_slice(&self.left);
        self.left = rest;
        Ok(())
    }
}

impl TryCryptoRng for VectorRng {}
