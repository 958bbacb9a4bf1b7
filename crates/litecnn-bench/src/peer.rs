use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use litecnn_report::speed::{Metric, Ratio, Row};
use serde::Deserialize;

use crate::{BenchError, Calls, Engine, latency};

/// Another program, started and waiting to be told what to measure.
///
/// It prints one line `{"ready": ["name", ...]}` with the names of what it can measure; then for each line
/// `name batch repetitions` on its standard input it measures that and prints one line: a row of `bench.json`, or
/// `{"error": "why"}`. Other lines that do not begin with `{` are passed over. It ends when its input does.
#[derive(Debug)]
pub struct Peer {
    /// What was started, for messages.
    program: String,
    programs: Vec<String>,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    errors: Option<JoinHandle<String>>,
}

impl Peer {
    /// Starts a program and waits until it is ready.
    ///
    /// # Errors
    /// [`BenchError::Peer`] with the program's last words.
    pub fn start(mut command: Command) -> Result<Self, BenchError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let fail = |reason: String| BenchError::Peer { program: program.clone(), reason };
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|e| fail(format!("cannot be started: {e}")))?;
        let errors = child.stderr.take().map(|from| std::thread::spawn(move || last_words(BufReader::new(from))));
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were asked for")
        };
        let output = BufReader::new(output);
        let mut peer = Self { program, programs: Vec::new(), child, input: Some(input), output, errors };
        match peer.answer()? {
            Answer::Ready { ready } => peer.programs = ready,
            Answer::Error { error } => return Err(peer.fail(error)),
            Answer::Row(_) => return Err(peer.fail("measured before it was asked to".into())),
        }
        if peer.programs.is_empty() {
            return Err(peer.fail("has nothing to measure: see its requirements".into()));
        }
        Ok(peer)
    }

    /// Names of what it can measure.
    pub fn programs(&self) -> &[String] {
        &self.programs
    }

    /// Has it measure the latency of one of its programs.
    ///
    /// # Errors
    /// [`BenchError::Peer`] if it ends, cannot, or answers something else than was asked for.
    pub fn latency(&mut self, program: &str, batch: u64, repetitions: u64) -> Result<Row, BenchError> {
        let asked = format!("{program} {batch} {repetitions}\n");
        let written = self.input.as_mut().map(|to| to.write_all(asked.as_bytes()).and_then(|()| to.flush()));
        // If it has ended, its answer says so.
        drop(written);
        let row = match self.answer()? {
            Answer::Row(row) => *row,
            Answer::Error { error } => return Err(self.fail(format!("{program}: {error}"))),
            Answer::Ready { .. } => return Err(self.fail("said twice that it is ready".into())),
        };
        row.check().map_err(|reason| self.fail(format!("its answer for {program} {reason}")))?;
        if (row.program.as_str(), row.batch, row.metric) != (program, batch, Metric::Latency) {
            let what = format!("asked for the latency of {program} at batch {batch}, answered {row:?}");
            return Err(self.fail(what));
        }
        Ok(row)
    }

    fn answer(&mut self) -> Result<Answer, BenchError> {
        loop {
            let mut line = String::new();
            match self.output.read_line(&mut line) {
                Ok(0) => return Err(self.ended()),
                Err(e) => return Err(self.fail(format!("its answer cannot be read: {e}"))),
                Ok(_) if !line.starts_with('{') => {}
                Ok(_) => {
                    let line = line.trim_end();
                    let parsed = Answer::parse(line);
                    return parsed.map_err(|e| self.fail(format!("its answer is not as agreed ({e}): {line}")));
                }
            }
        }
    }

    fn ended(&mut self) -> BenchError {
        let status = self.child.wait().map_or_else(|e| e.to_string(), |status| status.to_string());
        let said = self.errors.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        self.fail(if said.is_empty() { format!("ended ({status})") } else { format!("ended ({status}): {said}") })
    }

    fn fail(&self, reason: String) -> BenchError {
        BenchError::Peer { program: self.program.clone(), reason }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It is in no state worth keeping.
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
enum Answer {
    Ready { ready: Vec<String> },
    Error { error: String },
    Row(Box<Row>),
}

impl Answer {
    fn parse(line: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Short {
            ready: Option<Vec<String>>,
            error: Option<String>,
        }
        match serde_json::from_str(line)? {
            Short { ready: Some(ready), .. } => Ok(Self::Ready { ready }),
            Short { error: Some(error), .. } => Ok(Self::Error { error }),
            _ => Ok(Self::Row(Box::new(serde_json::from_str(line)?))),
        }
    }
}

/// The last three lines that say something.
fn last_words(from: impl BufRead) -> String {
    let mut last: Vec<String> = Vec::new();
    for line in from.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if !line.is_empty() {
            last.push(line);
            if last.len() > 3 {
                last.remove(0);
            }
        }
    }
    last.join("; ")
}

/// Programs timed in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contest {
    /// Images a call.
    pub batch: u64,
    /// Threads of all; the other program was started with as many.
    pub threads: usize,
    /// Turns of each.
    pub rounds: u64,
    /// Repetitions a turn.
    pub repetitions: u64,
}

/// Measures engines of ours and all programs of a peer in turn, ours first, and returns the peer's rows and the
/// ratios of each of ours to each of theirs. What disturbs the machine for longer than a round disturbs all.
///
/// Each figure of a row is the median over the rounds of the round's figure (the least is the least of all, the
/// first call that of the first round); repetitions are those of all rounds. A ratio is the median of the rounds'
/// ratios.
///
/// # Errors
/// The engines', or [`BenchError::Peer`].
pub fn contest(ours: &[&dyn Engine], peer: &mut Peer, plan: &Contest) -> Result<(Vec<Row>, Vec<Ratio>), BenchError> {
    let calls = Calls { warmup: 5, repetitions: plan.repetitions };
    let programs = peer.programs().to_vec();
    let (mut mine, mut theirs) = (vec![Vec::new(); ours.len()], vec![Vec::new(); programs.len()]);
    for _ in 0..plan.rounds.max(1) {
        for (engine, times) in ours.iter().zip(&mut mine) {
            times.push(latency(*engine, plan.batch, None, calls)?.median);
        }
        for (program, rows) in programs.iter().zip(&mut theirs) {
            let row = peer.latency(program, plan.batch, plan.repetitions)?;
            if row.threads != plan.threads || ours.iter().any(|engine| engine.model() != row.model) {
                let models: Vec<&str> = ours.iter().map(|engine| engine.model()).collect();
                let reason = format!(
                    "was to measure {} with {} threads, measured {row:?}",
                    models.first().unwrap_or(&"the same model"),
                    plan.threads
                );
                return Err(peer.fail(reason));
            }
            rows.push(row);
        }
    }
    let mut ratios = Vec::new();
    for (program, rows) in programs.iter().zip(&theirs) {
        for (engine, times) in ours.iter().zip(&mine) {
            ratios.push(Ratio {
                ours: engine.program().to_owned(),
                program: program.clone(),
                model: engine.model().to_owned(),
                batch: plan.batch,
                threads: plan.threads,
                ours_us: median(times.clone()),
                theirs_us: median(rows.iter().map(|row| row.median).collect()),
                ratio: median_ratio(times, rows.iter().map(|row| row.median)),
            });
        }
    }
    Ok((theirs.into_iter().map(over_rounds).collect(), ratios))
}

/// Measures the latency of engines of ours in turn: a row each, over the rounds as [`contest`] has it.
///
/// # Errors
/// The engines'.
pub fn in_turn(engines: &[&dyn Engine], batch: u64, rounds: u64, calls: Calls) -> Result<Vec<Row>, BenchError> {
    let mut rows = vec![Vec::new(); engines.len()];
    for _ in 0..rounds.max(1) {
        for (engine, rows) in engines.iter().zip(&mut rows) {
            rows.push(latency(*engine, batch, None, calls)?.row(*engine, batch, Metric::Latency, None));
        }
    }
    Ok(rows.into_iter().map(over_rounds).collect())
}

fn over_rounds(rounds: Vec<Row>) -> Row {
    let of = |figure: fn(&Row) -> f64| median(rounds.iter().map(figure).collect());
    let figures = [of(|r| r.median), of(|r| r.p95), of(|r| r.p99), of(|r| r.mean), of(|r| r.std)];
    let [median, p95, p99, mean, std] = figures;
    let min = rounds.iter().map(|r| r.min).fold(f64::INFINITY, f64::min);
    let repetitions = rounds.iter().map(|r| r.repetitions).sum();
    let first = rounds.into_iter().next().expect("there is at least one round");
    Row { median, p95, p99, mean, std, min, repetitions, ..first }
}

/// Median of the rounds' ratios: what disturbs a round disturbs both sides of its ratio.
fn median_ratio(ours: &[f64], theirs: impl Iterator<Item = f64>) -> f64 {
    median(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs.max(1e-9)).collect())
}

fn median(values: Vec<f64>) -> f64 {
    crate::Sample::of(0.0, 1, values).median
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Exported, Subject, Weights};
    use tch::Device;

    /// A peer made of a shell script.
    fn peer(script: &str) -> Result<Peer, BenchError> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Peer::start(command)
    }

    /// Answers every line with a row of the medians given, one after the other.
    const PEER: &str = r#"
echo 'loading a library'
echo '{"ready": ["one", "two"]}'
while read program batch repetitions; do
  n=$((n + 10))
  echo "{\"program\":\"$program\",\"version\":\"1.2\",\"model\":\"mnist\",\"batch\":$batch,\"threads\":1,\"device\":\"cpu\",\"metric\":\"latency\",\"unit\":\"us\",\"median\":$n,\"p95\":$n,\"p99\":$n,\"mean\":$n,\"std\":1,\"min\":$n,\"repetitions\":$repetitions,\"warmup\":3,\"first_call\":$n}"
done"#;

    #[test]
    fn turns_alternate_and_medians_are_taken_over_the_rounds() {
        let subject = Subject::random("mnist", Device::Cpu).unwrap();
        let mut peer = peer(PEER).unwrap();
        assert_eq!(peer.programs(), ["one", "two"]);
        let plan = Contest { batch: 2, threads: 1, rounds: 3, repetitions: 4 };
        let exported = Exported::new(&subject, Weights::F32, 1).unwrap();
        let (rows, ratios) = contest(&[&subject, &exported], &mut peer, &plan).unwrap();
        // The script counts 10, 30, 50 for the one and 20, 40, 60 for the other.
        let one = &rows[0];
        assert_eq!((one.median, one.min, one.first_call, one.repetitions), (30.0, 10.0, 10.0, 12));
        assert_eq!((rows[1].median, rows[1].program.as_str()), (40.0, "two"));
        let of: Vec<(&str, &str)> = ratios.iter().map(|r| (r.ours.as_str(), r.program.as_str())).collect();
        let (ours, runtime) = ("litecnn-libtorch", "litecnn");
        assert_eq!(of, [(ours, "one"), (runtime, "one"), (ours, "two"), (runtime, "two")]);
        for ratio in &ratios {
            let (ours, ratio, least) = (ratio.ours_us, ratio.ratio, ratio.theirs_us - 20.0);
            assert!(ours / (least + 40.0) / 3.0 <= ratio && ratio <= 3.0 * ours / least, "{ratios:?}");
        }
        let other = Contest { threads: 2, ..plan };
        let error = contest(&[&subject], &mut peer, &other).unwrap_err().to_string();
        assert!(error.contains("was to measure mnist with 2 threads"), "{error}");
    }

    #[test]
    fn ratios_are_of_rounds() {
        assert_eq!(median_ratio(&[10.0, 40.0, 30.0], [10.0, 20.0, 30.0].into_iter()), 1.0);
    }

    #[test]
    fn a_peer_that_fails_says_why_in_one_sentence() {
        let words = |script: &str| peer(script).map(|_| ()).unwrap_err().to_string();
        let gone = words("echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1");
        assert!(gone.contains("exit status: 1): ModuleNotFoundError: No module named 'torch'"), "{gone}");
        assert!(words("echo '{\"ready\": []}'").contains("nothing to measure"));
        assert!(words("echo '{\"error\": \"no threads\"}'").contains("no threads"));
        assert!(words("echo '{\"ready\": 3}'").contains("not as agreed"));
        assert!(Peer::start(Command::new("no-such-python")).unwrap_err().to_string().contains("cannot be started"));
        let asked = |answer: &str| {
            let mut peer = peer(&format!("echo '{{\"ready\": [\"a\"]}}'; read x; echo '{answer}'; echo word >&2"));
            peer.as_mut().unwrap().latency("a", 1, 2).unwrap_err().to_string()
        };
        assert!(asked("").contains("ended (exit status: 0): word"));
        assert!(asked("{\"error\": \"batch too large\"}").contains("a: batch too large"));
        assert!(asked("{\"median\": 1}").contains("not as agreed"));
    }
}
