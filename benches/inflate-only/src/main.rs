//! Inflates every .gz file under a folder, with as many threads as asked, and prints how many bytes came out. With `sha256`
//! behind the number of threads it also hashes what came out.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, io, thread};

use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let threads: usize = env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(2);
    let hashes = env::args().nth(3).is_some_and(|word| word == "sha256");
    let mut files = Vec::new();
    collect(Path::new(&folder), &mut files)?;
    files.sort();
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<u64> {
        let mut decompressor = libdeflater::Decompressor::new();
        let mut out = Vec::new();
        let mut total = 0;
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let stored = fs::read(file)?;
            let size = stored.last_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
            out.resize(size, 0);
            total += decompressor.gzip_decompress(&stored, &mut out).map_err(io::Error::other)? as u64;
            if hashes {
                std::hint::black_box(Sha256::digest(&out));
            }
        }
        Ok(total)
    };
    let totals: Vec<io::Result<u64>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker panicked")).collect()
    });
    let bytes: u64 = totals.into_iter().sum::<io::Result<u64>>()?;
    println!("{bytes} bytes in {} files", files.len());
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "gz") {
            files.push(path);
        }
    }
    Ok(())
}
