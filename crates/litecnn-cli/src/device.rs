use std::fmt;
use std::str::FromStr;

use crate::did_you_mean;

/// A device as it is asked for on a command line: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// CUDA if it is there.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU by its number, counted from 0.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let number = text.strip_prefix("cuda:").and_then(|n| n.parse().ok());
                number.map(Self::Cuda).ok_or_else(|| {
                    let hint = match text.to_lowercase().starts_with("gpu") {
                        // More like `cpu` in letters only.
                        true => " (did you mean `cuda`?)".to_owned(),
                        false => did_you_mean(text, ["auto", "cpu", "cuda"]),
                    };
                    format!("possible are auto, cpu, cuda, cuda:N{hint}")
                })
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(n) => write!(f, "cuda:{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (text, device) in
            [("auto", DeviceChoice::Auto), ("cpu", DeviceChoice::Cpu), ("cuda:3", DeviceChoice::Cuda(3))]
        {
            assert_eq!((text.parse(), device.to_string().as_str()), (Ok(device), text));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            assert!(wrong.parse::<DeviceChoice>().is_err(), "{wrong}");
        }
        for (wrong, meant) in [("gpu", "`cuda`"), ("GPU:1", "`cuda`"), ("cdua", "`cuda`"), ("CPU", "`cpu`")] {
            assert!(wrong.parse::<DeviceChoice>().unwrap_err().ends_with(&format!("mean {meant}?)")), "{wrong}");
        }
    }
}
