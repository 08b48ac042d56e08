#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bodies::sealed_root(bytes);
});
