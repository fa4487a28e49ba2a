//! What the command line says about a workload.

use std::path::PathBuf;

/// How a workload is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Steps of a round.
    pub steps: usize,
    /// Threads that may work.
    pub threads: usize,
    /// Samples of a step, where the workload leaves that open.
    pub batch: usize,
    /// The model file that is loaded.
    pub file: PathBuf,
    /// A round for every line of the input.
    pub serve: bool,
    /// Where the time of a second round goes, op by op, is printed.
    pub profile: bool,
    /// Which layers grow: `dense`, `conv`, `lstm` or `attention`.
    pub family: String,
    /// Units or channels of a layer that grows.
    pub width: usize,
    /// Layers of a stack that grows.
    pub depth: usize,
    /// Steps in time, or pixels of a side, of a stack that grows.
    pub length: usize,
}

impl Options {
    /// Reads the words after the workload's name.
    ///
    /// # Errors
    /// An unknown word, or a number that is none; the message says which are known.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options {
            steps: 1,
            threads: 2,
            batch: 1,
            file: PathBuf::new(),
            serve: false,
            profile: false,
            family: String::new(),
            width: 1,
            depth: 1,
            length: 1,
        };
        while let Some(word) = words.next() {
            let switch = match word.as_str() {
                "--serve" => Some(&mut options.serve),
                "--profile" => Some(&mut options.profile),
                _ => None,
            };
            if let Some(switch) = switch {
                *switch = true;
                continue;
            }
            let value = words
                .next()
                .ok_or_else(|| format!("{word} wants a value after it"))?;
            let number = || {
                let parsed = value.parse().ok().filter(|&n: &usize| n > 0);
                parsed.ok_or_else(|| format!("{word} {value}: not a number above 0"))
            };
            match word.as_str() {
                "--steps" => options.steps = number()?,
                "--threads" => options.threads = number()?,
                "--batch" => options.batch = number()?,
                "--width" => options.width = number()?,
                "--depth" => options.depth = number()?,
                "--length" => options.length = number()?,
                "--file" => options.file = value.into(),
                "--family" => options.family = value,
                _ => {
                    return Err(format!(
                        "{word}: unknown; known are --serve, --profile, --steps, --threads, --batch, --file, --family, \
                         --width, --depth, --length"
                    ));
                }
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn words_set_what_they_name() {
        let options = parse("--steps 5 --serve --batch 8").unwrap();
        assert_eq!((options.steps, options.batch), (5, 8));
        assert!(options.serve && !options.profile);
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(parse("--step 5").unwrap_err().contains("--steps"));
        assert!(parse("--steps").unwrap_err().contains("value"));
        assert!(parse("--steps 0").unwrap_err().contains("above 0"));
    }
}
