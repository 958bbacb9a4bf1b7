use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use litecnn_pictures::{Listed, Listing, PictureForm};
use litecnn_run::sha256;

use super::{PictureOptions, PictureProgress};
use crate::DataError;

/// Most bytes of a picture file.
const LARGEST: u64 = 1 << 28;

/// The images of a listing on disk, in its order, and what is known of each.
pub(super) struct Records {
    /// An image of `form` for each picture, `[height][width][channel]`; a hole where it could not be read.
    file: File,
    pub(super) form: PictureForm,
    pub(super) outcomes: Vec<Outcome>,
}

/// What became of a picture.
pub(super) enum Outcome {
    Image { digest: String, grey: bool },
    Unreadable(String),
}

/// Decodes all pictures, several at once. Memory holds a few pictures at a time.
pub(super) fn read(
    listing: &Listing,
    scratch: &Path,
    options: &PictureOptions,
    progress: &mut dyn FnMut(PictureProgress),
) -> Result<Records, DataError> {
    let form = options.form(options.channels.unwrap_or(3));
    let pictures = &listing.pictures;
    let total = pictures.len();
    let threads = options.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let unwritable = || DataError::io("write", scratch);
    // Has no name, so it is gone when this process is, however it ends.
    let mut file = tempfile::tempfile_in(scratch).map_err(unwritable())?;
    let size = form.channels * form.height * form.width;
    let mut outcomes: Vec<Option<Outcome>> = (0..total).map(|_| None).collect();

    let start = Instant::now();
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = sync_channel::<(usize, Result<Vec<u8>, String>, String, bool)>(4 * threads);
    let written = std::thread::scope(|scope| {
        for _ in 0..threads.min(total) {
            let sender = sender.clone();
            let (next, stop) = (&next, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(picture) = pictures.get(index) else { break };
                    let image = image(&listing.root, picture, &form);
                    let digest = image.as_ref().map(|image| sha256(image)).unwrap_or_default();
                    let grey = image.as_ref().is_ok_and(|image| is_grey(image, form.channels));
                    if sender.send((index, image, digest, grey)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut told = Instant::now();
        progress(PictureProgress::Decoding { done: 0, total, seconds: 0.0 });
        for (done, (index, image, digest, grey)) in receiver.into_iter().enumerate() {
            outcomes[index] = Some(match image {
                Ok(image) => {
                    let write = file.seek(SeekFrom::Start((index * size) as u64)).and_then(|_| file.write_all(&image));
                    if let Err(e) = write {
                        // The receiver goes, and with it all who wait to send.
                        stop.store(true, Ordering::Relaxed);
                        return Err(e);
                    }
                    Outcome::Image { digest, grey }
                }
                Err(reason) => {
                    // Those begun before are waited for, so that it is always the first that is told.
                    stop.fetch_or(options.strict, Ordering::Relaxed);
                    Outcome::Unreadable(reason)
                }
            });
            if told.elapsed() > Duration::from_millis(100) || done + 1 == total {
                told = Instant::now();
                progress(PictureProgress::Decoding { done: done + 1, total, seconds: start.elapsed().as_secs_f64() });
            }
        }
        Ok(())
    });
    written.map_err(unwritable())?;
    if options.strict {
        let unreadable = |(picture, outcome): (&Listed, &Option<Outcome>)| match outcome {
            Some(Outcome::Unreadable(reason)) => {
                Some(DataError::Picture { path: listing.root.join(&picture.path), reason: reason.clone() })
            }
            _ => None,
        };
        if let Some(error) = pictures.iter().zip(&outcomes).find_map(unreadable) {
            return Err(error);
        }
    }
    let unknown = || Outcome::Unreadable("it was not looked at".into());
    Ok(Records { file, form, outcomes: outcomes.into_iter().map(|o| o.unwrap_or_else(unknown)).collect() })
}

impl Records {
    /// The image of a picture that could be read.
    pub(super) fn image(&mut self, index: usize) -> std::io::Result<Vec<u8>> {
        let mut image = vec![0; self.form.channels * self.form.height * self.form.width];
        self.file.seek(SeekFrom::Start((index * image.len()) as u64))?;
        self.file.read_exact(&mut image)?;
        Ok(image)
    }
}

fn image(root: &Path, picture: &Listed, form: &PictureForm) -> Result<Vec<u8>, String> {
    let bytes = bytes(&root.join(&picture.path))?;
    form.pixels(&bytes).map_err(|e| e.to_string())
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let found = file.metadata().map_err(|e| e.to_string())?;
    if !found.is_file() {
        return Err("it is no regular file".into());
    }
    let mut bytes = Vec::with_capacity(found.len().min(LARGEST) as usize + 1);
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it has {} bytes; pictures of up to {LARGEST} are read", found.len()));
    }
    Ok(bytes)
}

fn is_grey(image: &[u8], channels: usize) -> bool {
    channels == 1 || image.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2])
}
