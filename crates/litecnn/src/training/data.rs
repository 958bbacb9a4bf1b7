//! `litecnn data`: data sets at hand, fetched, or cut down to samples.

pub(crate) mod import;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Subcommand;
use indicatif::HumanBytes;
use litecnn_cli::Usage;
use litecnn_data::{DataError, LoadOptions, Progress, fetch, load, official_sets, write_pictures, write_sample};

use crate::training::interrupt::end_when_asked;

const LIST_EXAMPLES: &str = "\
Examples:
  litecnn data list
  litecnn data list --data-dir datasets/samples";

const FETCH_EXAMPLES: &str = "\
Examples:
  litecnn data fetch
  litecnn data fetch --dataset mnist --dataset cifar100";

const PICTURES_EXAMPLES: &str = "\
Examples:
  litecnn data pictures --dataset mnist --out digits/
  litecnn data pictures --dataset cifar10 --part test --out photos/test --data-dir datasets/samples";

const SAMPLE_EXAMPLES: &str = "\
Examples:
  litecnn data sample --dataset mnist --train 1000 --test 200 --out samples/";

/// List and fetch data sets, write them out as pictures or as small samples.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the data sets, and which are at hand.
    #[command(after_long_help = LIST_EXAMPLES)]
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Make sure that data sets are at hand and intact; fetch into the cache what is missing.
    #[command(after_long_help = FETCH_EXAMPLES)]
    Fetch {
        /// A data set; may be given several times. If not given, all but the optional ones: cifar100 has to be named.
        #[arg(long, value_name = "NAME")]
        dataset: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Make a data set of pictures: a folder per class, train/ val/ test/ folders of these, or a CSV of path and label.
    ///
    /// The images are kept in the cache, where the next start finds them while no picture changes; `--out` copies them
    /// into a data folder for `--data-dir`.
    Import(import::Args),
    /// Write a data set out as PNG pictures, a folder for each class.
    #[command(after_long_help = PICTURES_EXAMPLES)]
    Pictures {
        /// The data set.
        #[arg(long, value_name = "NAME")]
        dataset: String,
        /// Which of its images.
        #[arg(long, value_enum, default_value_t = Part::All)]
        part: Part,
        /// Folder to write to; it must not be there yet, or be empty.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Write a small extract with as many images of each class, in the data set's own format.
    #[command(after_long_help = SAMPLE_EXAMPLES)]
    Sample {
        /// A data set; may be given several times. If not given, all but the optional ones.
        #[arg(long, value_name = "NAME")]
        dataset: Vec<String>,
        /// Training images.
        #[arg(long, default_value_t = 1000, value_name = "N")]
        train: usize,
        /// Test images.
        #[arg(long, default_value_t = 200, value_name = "N")]
        test: usize,
        /// Folder to write to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Training and test images.
    All,
    /// The training images.
    Train,
    /// The test images.
    Test,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Folder with the files; otherwise the cache is used.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Do not use the network.
    #[arg(long)]
    offline: bool,
}

impl Place {
    fn options(self) -> LoadOptions {
        LoadOptions { data_dir: self.data_dir, cache_dir: None, offline: self.offline }
    }
}

pub(crate) fn run(args: Args, quiet: bool) -> Result<()> {
    match args.command {
        Command::List { place } => list(&LoadOptions { offline: true, ..place.options() }),
        Command::Fetch { dataset, place } => {
            let options = place.options();
            end_when_asked("the files that came whole are kept")?;
            for name in names(dataset)? {
                let fetched = fetch(&name, &options, &mut teller(&name, quiet)).map_err(usage)?;
                println!(
                    "{name}: {} in {} (from {})",
                    HumanBytes(fetched.bytes),
                    fetched.folder.display(),
                    fetched.source
                );
            }
            Ok(())
        }
        Command::Import(args) => import::run(&args, quiet),
        Command::Pictures { dataset, part, out, place } => {
            let set = load(&dataset, &place.options()).map_err(usage)?;
            let part = match part {
                Part::All => litecnn_data::PicturePart::All,
                Part::Train => litecnn_data::PicturePart::Train,
                Part::Test => litecnn_data::PicturePart::Test,
            };
            let written = write_pictures(&set, part, &out)?;
            println!(
                "{dataset}: {written} pictures in {}, a folder for each of {} classes",
                out.display(),
                set.classes.len()
            );
            Ok(())
        }
        Command::Sample { dataset, train, test, out, place } => {
            let options = place.options();
            for name in names(dataset)? {
                write_sample(&load(&name, &options).map_err(usage)?, train, test, &out)?;
                println!("{name}: {train} training and {test} test images in {}", out.join(&name).display());
            }
            Ok(())
        }
    }
}

/// The sets given, or those that need not be named.
fn names(given: Vec<String>) -> Result<Vec<String>> {
    if !given.is_empty() {
        return Ok(given);
    }
    Ok(official_sets()?.iter().filter(|set| !set.optional).map(|set| set.name.clone()).collect())
}

/// What the user said wrongly ends with the status of wrong usage.
fn usage(error: DataError) -> anyhow::Error {
    match error {
        DataError::UnknownSet { .. } | DataError::PictureOptions { .. } => Usage(error.to_string()).into(),
        other => other.into(),
    }
}

fn list(options: &LoadOptions) -> Result<()> {
    for set in official_sets()? {
        let [channels, height, width] = set.shape;
        let state = match fetch(&set.name, options, &mut |_| {}) {
            Ok(fetched) => format!("in {}", fetched.folder.display()),
            Err(_) => format!("not at hand: litecnn data fetch --dataset {}", set.name),
        };
        println!("{:14} {channels} x {height} x {width}, {} classes; {state}", set.name, set.classes.len());
    }
    Ok(())
}

/// Tells on standard error how a fetch goes, at most once a second while bytes arrive.
fn teller(name: &str, quiet: bool) -> impl FnMut(Progress) {
    let name = name.to_owned();
    let mut last = Instant::now();
    move |progress| {
        if quiet {
            return;
        }
        match progress {
            Progress::Waiting => eprintln!("{name}: another process is fetching it, waiting"),
            Progress::Trying { source } => eprintln!("{name}: trying {source}"),
            Progress::Received { bytes, seconds } if last.elapsed() > Duration::from_secs(1) => {
                last = Instant::now();
                eprintln!("{name}: {} in {seconds:.0} s", HumanBytes(bytes));
            }
            Progress::Failed { source, reason } => eprintln!("{name}: {source} failed: {reason}"),
            _ => {}
        }
    }
}
