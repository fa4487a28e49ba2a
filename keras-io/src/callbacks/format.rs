//! Names with numbers in them, as Python's `str.format` makes them.

use keras_tensor::{Error, Result};

/// A number that stands in a name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Int(usize),
    Float(f64),
}

/// Widths and precisions above this are refused: no file name is so long.
const LONGEST: usize = 255;

/// Puts numbers in the place of `{name}` and `{name:spec}`; `{{` and `}}` stand for braces.
///
/// # Errors
/// A field that `numbers` does not know, or a spec that Python would not understand; of specs, those without `#`, `,`, `_`
/// and `z` are known, with the types `d`, `e`, `f`, `g`, their capitals, and `%`.
pub(super) fn format(template: &str, numbers: &[(&str, Number)]) -> Result<String> {
    let wrong = |wanted: String| Error::argument("filepath", format!("{template:?}"), wanted);
    let mut out = String::new();
    let mut rest = template;
    while let Some(place) = rest.find(['{', '}']) {
        out += &rest[..place];
        let (brace, after) = rest[place..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            out += brace;
            rest = after;
            continue;
        }
        let field = if brace == "{" {
            after.split_once('}')
        } else {
            None
        };
        let (field, after) = field.ok_or_else(|| wrong(format!("a partner for each `{brace}`")))?;
        rest = after;
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let number = numbers.iter().find(|(n, _)| *n == name).ok_or_else(|| {
            let known: Vec<&str> = numbers.iter().map(|(n, _)| *n).collect();
            wrong(format!(
                "names that training knows, not {name:?}: {}",
                known.join(", ")
            ))
        })?;
        let text = Spec::parse(spec).and_then(|spec| spec.format(number.1));
        out +=
            &text.ok_or_else(|| wrong(format!("a format of numbers as Python's, not {spec:?}")))?;
    }
    Ok(out + rest)
}

/// Python's format specification: `[[fill]align][sign][0][width][.precision][type]`.
struct Spec {
    fill: char,
    align: char,
    sign: Option<char>,
    width: usize,
    precision: Option<usize>,
    kind: Option<char>,
}

/// Takes the first character if it is one of these.
fn take(rest: &mut &str, of: &str) -> Option<char> {
    let first = rest.chars().next().filter(|c| of.contains(*c))?;
    *rest = &rest[first.len_utf8()..];
    Some(first)
}

/// Takes a number; `None` is one that is too large.
fn take_number(rest: &mut &str) -> Option<Option<usize>> {
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    match digits {
        "" => Some(None),
        digits => Some(Some(digits.parse().ok().filter(|n| *n <= LONGEST)?)),
    }
}

impl Spec {
    fn parse(mut rest: &str) -> Option<Spec> {
        const ALIGNS: &str = "<>=^";
        let mut chars = rest.chars();
        let (first, second) = (chars.next(), chars.next());
        let filled = first.filter(|_| second.is_some_and(|c| ALIGNS.contains(c)));
        if filled.is_some() {
            rest = &rest[filled?.len_utf8()..];
        }
        let align = take(&mut rest, ALIGNS);
        let sign = take(&mut rest, "+- ");
        let zero = take(&mut rest, "0").is_some();
        let width = take_number(&mut rest)?.unwrap_or(0);
        let precision = match take(&mut rest, ".") {
            Some(_) => Some(take_number(&mut rest)??),
            None => None,
        };
        let kind = take(&mut rest, "deEfFgG%");
        rest.is_empty().then_some(Spec {
            fill: filled.unwrap_or(if zero { '0' } else { ' ' }),
            align: align.unwrap_or(if zero { '=' } else { '>' }),
            sign,
            width,
            precision,
            kind,
        })
    }

    fn format(&self, number: Number) -> Option<String> {
        let digits = match (number, self.kind) {
            (Number::Int(n), None | Some('d')) if self.precision.is_none() => n.to_string(),
            (Number::Int(_), None | Some('d')) | (Number::Float(_), Some('d')) => return None,
            (Number::Int(n), _) => self.float(n as f64),
            (Number::Float(v), _) => self.float(v.abs()),
        };
        let negative = matches!(number, Number::Float(v) if v.is_sign_negative() && !v.is_nan());
        let sign = match self.sign {
            _ if negative => "-",
            Some('+') => "+",
            Some(' ') => " ",
            _ => "",
        };
        let missing = self.width.saturating_sub(sign.len() + digits.len());
        let pad = |count: usize| self.fill.to_string().repeat(count);
        Some(match self.align {
            '=' => format!("{sign}{}{digits}", pad(missing)),
            '<' => format!("{sign}{digits}{}", pad(missing)),
            '^' => format!(
                "{}{sign}{digits}{}",
                pad(missing / 2),
                pad(missing.div_ceil(2))
            ),
            _ => format!("{}{sign}{digits}", pad(missing)),
        })
    }

    /// A number that is not negative.
    fn float(&self, value: f64) -> String {
        let precision = self.precision.unwrap_or(6);
        let text = match self.kind {
            _ if value.is_nan() => "nan".to_string(),
            _ if value.is_infinite() => "inf".to_string(),
            Some('f' | 'F') => format!("{value:.precision$}"),
            Some('%') => format!("{:.precision$}", value * 100.0),
            Some('e' | 'E') => exponential(value, precision),
            Some(_) => general(value, precision, 0),
            // As `g`, but never without a place after the point, and an exponent one place sooner.
            None => match self.precision {
                Some(precision) => general(value, precision, 1),
                None => shortest(value),
            },
        };
        let text = match self.kind {
            Some('E' | 'F' | 'G') => text.to_uppercase(),
            _ => text,
        };
        let percent = if self.kind == Some('%') { "%" } else { "" };
        text + percent
    }
}

/// The exponent of a number that is written with one.
fn exponent(text: &str) -> (&str, i32) {
    match text.split_once('e') {
        Some((digits, exponent)) => (digits, exponent.parse().unwrap_or(0)),
        None => (text, 0),
    }
}

/// Digits and an exponent of at least two places, with its sign.
fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn exponential(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (digits, exponent) = exponent(&text);
    with_exponent(digits, exponent)
}

/// So many digits without zeros at the end, and an exponent where the number is large or small; at least `places` after
/// the point where there is no exponent.
fn general(value: f64, precision: usize, places: usize) -> String {
    let precision = precision.max(1);
    let text = format!("{value:.*e}", precision - 1);
    let (digits, exponent) = exponent(&text);
    if exponent < -4 || exponent >= precision as i32 - places as i32 {
        return with_exponent(without_zeros(digits), exponent);
    }
    let after = (precision as i32 - 1 - exponent).max(0) as usize;
    let text = format!("{value:.after$}");
    match without_zeros(&text) {
        whole if places > 0 && !whole.contains('.') => format!("{whole}.0"),
        text => text.to_string(),
    }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// The fewest digits that tell the number, as Python's `repr`.
fn shortest(value: f64) -> String {
    let text = format!("{value:e}");
    let (digits, exponent) = exponent(&text);
    if (-4..16).contains(&exponent) || value == 0.0 {
        let text = value.to_string();
        return if text.contains('.') {
            text
        } else {
            text + ".0"
        };
    }
    with_exponent(digits, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Number::{Float, Int};

    /// Lines of a template, a number, and what Python makes of them.
    const PYTHON: &str = include_str!("format.tsv");

    #[test]
    fn numbers_are_formatted_as_python_formats_them() {
        for line in PYTHON.lines() {
            let [template, number, wanted] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let number = match number.parse() {
                Ok(n) => Int(n),
                Err(_) => Float(number.parse().unwrap()),
            };
            assert_eq!(
                format(template, &[("n", number)]).unwrap(),
                wanted,
                "{line}"
            );
        }
    }

    #[test]
    fn what_python_refuses_is_an_error() {
        for template in [
            "{",
            "}",
            "{n",
            "{m}",
            "{}",
            "{n:q}",
            "{n:.f}",
            "{n:.2d}",
            "{n:99999999999f}",
            "{n:1{n}}",
            "{n!x}",
            "{n.x}",
        ] {
            assert!(
                format(template, &[("n", Float(1.0))]).is_err(),
                "{template}"
            );
        }
        let message = format("{acc:.2f}", &[("epoch", Int(1)), ("loss", Float(1.0))]).unwrap_err();
        assert!(message.to_string().contains("epoch, loss"), "{message}");
    }
}
