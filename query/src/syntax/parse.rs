//! The parser: one function per rule of the grammar.

use crate::syntax::cursor::Cursor;
use crate::syntax::error::{FilterError, nearest};
use crate::syntax::tree::{Check, Expr, FieldName, Operand, Operator, Quantifier, Right, Span, Transformer};

/// Deepest nesting of parentheses, `not` and transformers: bounds the recursion here and in everything that
/// walks the tree.
const DEPTH_MAX: usize = 100;

const A_CONDITION: &[&str] = &["a field", "'not'", "'('"];

/// The tree of a filter, `None` when the text is blank.
pub(crate) fn parse(text: &str) -> Result<Option<Expr>, FilterError> {
    let mut parser = Parser { cursor: Cursor::new(text), depth: 0 };
    parser.cursor.skip_blanks();
    if parser.cursor.peek().is_none() {
        return Ok(None);
    }
    let expr = parser.or()?;
    parser.cursor.skip_blanks();
    if parser.cursor.peek().is_some() {
        return Err(parser.unexpected(&["'and'", "'or'", "the end of the filter"]));
    }
    Ok(Some(expr))
}

/// The operand at the cursor, for formats.
pub(crate) fn operand(cursor: Cursor<'_>) -> Result<(Operand, usize), FilterError> {
    let mut parser = Parser { cursor, depth: 0 };
    let operand = parser.operand()?;
    Ok((operand, parser.cursor.at))
}

struct Parser<'t> {
    cursor: Cursor<'t>,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, span: Span, message: impl Into<String>) -> FilterError {
        FilterError::new(self.cursor.text, span, message)
    }

    /// What stands at the cursor does not belong there.
    fn unexpected(&self, expected: &[&'static str]) -> FilterError {
        let mut probe = self.cursor.clone();
        probe.skip_blanks();
        let start = probe.at;
        let (word, _) = probe.name();
        let first = self.cursor.text[start..].chars().next();
        let length = if word.is_empty() { first.map_or(0, char::len_utf8) } else { word.len() };
        let found = match first {
            None => "the filter ends here".to_owned(),
            Some(_) => format!("unexpected '{}'", &self.cursor.text[start..start + length]),
        };
        let error = self.error(start..start + length, found).expecting(expected);
        let lower = word.to_ascii_lowercase();
        if lower != word && ["and", "or", "not", "in", "exists"].contains(&lower.as_str()) {
            return error.help(format!("keywords are lower case: write '{lower}'"));
        }
        error
    }

    fn enter(&mut self) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("nested deeper than {DEPTH_MAX} levels");
            return Err(self.error(self.cursor.at..self.cursor.at, message));
        }
        Ok(())
    }

    fn or(&mut self) -> Result<Expr, FilterError> {
        let mut terms = vec![self.and()?];
        loop {
            self.cursor.skip_blanks();
            if !(self.cursor.take("||") || self.cursor.take_word("or")) {
                break;
            }
            terms.push(self.and()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Expr::Or(terms) })
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        let mut terms = vec![self.not()?];
        loop {
            self.cursor.skip_blanks();
            if !(self.cursor.take("&&") || self.cursor.take_word("and")) {
                break;
            }
            terms.push(self.not()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Expr::And(terms) })
    }

    fn not(&mut self) -> Result<Expr, FilterError> {
        self.cursor.skip_blanks();
        self.enter()?;
        let expr = if self.cursor.take("!") || self.cursor.take_word("not") {
            Expr::Not(Box::new(self.not()?))
        } else if self.cursor.take("(") {
            let inner = self.or()?;
            self.cursor.skip_blanks();
            if !self.cursor.take(")") {
                return Err(self.unexpected(&["'and'", "'or'", "')'"]));
            }
            inner
        } else {
            Expr::Check(self.check()?)
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn check(&mut self) -> Result<Check, FilterError> {
        let left = self.operand()?;
        let (operator, operator_span) = self.operator()?;
        self.cursor.skip_blanks();
        let right = match operator {
            Operator::Exists => Right::Nothing,
            Operator::In | Operator::Intersects | Operator::PMatch => self.set()?,
            _ => self.value(operator)?,
        };
        Ok(Check { left, operator, operator_span, right })
    }

    fn operand(&mut self) -> Result<Operand, FilterError> {
        self.cursor.skip_blanks();
        let (name, span) = self.cursor.name();
        if name.is_empty() {
            return Err(self.unexpected(A_CONDITION));
        }
        let mut ahead = self.cursor.clone();
        ahead.skip_blanks();
        if ahead.peek() == Some(b'(') {
            let Some(by) = Transformer::from_word(name) else {
                let error = self.error(span, format!("there is no transformer '{name}'"));
                let like = nearest(name, Transformer::ALL.iter().map(|known| known.word()));
                return Err(match like {
                    Some(like) => error.help(format!("did you mean '{like}'?")),
                    None => error,
                });
            };
            self.cursor.at = ahead.at + 1;
            return self.arguments(by, span.start);
        }
        if !name.contains('.') {
            self.cursor.at = span.start;
            let error = self.unexpected(A_CONDITION);
            let help = "a field has a class and a name, as in proc.name; macros are known to rule files only";
            return Err(match error.help {
                Some(_) => error,
                None => error.help(help),
            });
        }
        let mut field = FieldName { name: name.to_owned(), argument: None, span };
        if self.cursor.take("[") {
            field.argument = self.cursor.text(|byte| byte == b']')?;
            if field.argument.is_none() || !self.cursor.take("]") {
                return Err(self.unexpected(&["an argument", "']'"]));
            }
            field.span.end = self.cursor.at;
        }
        Ok(Operand::Field(field))
    }

    /// The arguments of a transformer, behind its parenthesis.
    fn arguments(&mut self, by: Transformer, start: usize) -> Result<Operand, FilterError> {
        self.enter()?;
        let mut of = Vec::new();
        loop {
            self.cursor.skip_blanks();
            of.push(match self.cursor.peek() {
                Some(b'"' | b'\'') => match self.cursor.value()? {
                    Some(literal) => Operand::Literal(literal),
                    None => return Err(self.unexpected(&["a field", "a quoted text"])),
                },
                _ => self.operand()?,
            });
            self.cursor.skip_blanks();
            if self.cursor.take(")") {
                break;
            }
            if !self.cursor.take(",") {
                return Err(self.unexpected(&["')'", "','"]));
            }
        }
        self.depth -= 1;
        Ok(Operand::Transform { by, of, span: start..self.cursor.at })
    }

    fn operator(&mut self) -> Result<(Operator, Span), FilterError> {
        self.cursor.skip_blanks();
        let start = self.cursor.at;
        if self.cursor.take("<>") {
            let error = self.error(start..self.cursor.at, "there is no operator '<>'");
            return Err(error.help("write '!='"));
        }
        let symbols = [
            ("==", Operator::Equal),
            ("=", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessEqual),
            ("<", Operator::Less),
            (">=", Operator::GreaterEqual),
            (">", Operator::Greater),
        ];
        for (symbol, operator) in symbols {
            if self.cursor.take(symbol) {
                return Ok((operator, start..self.cursor.at));
            }
        }
        for &operator in Operator::ALL {
            if self.cursor.take_word(operator.word()) {
                return Ok((operator, start..self.cursor.at));
            }
        }
        let error = self.unexpected(&[
            "=",
            "!=",
            "<",
            "<=",
            ">",
            ">=",
            "exists",
            "in",
            "contains",
            "icontains",
            "startswith",
            "endswith",
            "glob",
            "iglob",
            "regex",
            "pmatch",
            "intersects",
            "bcontains",
            "bstartswith",
        ]);
        let (word, _) = self.cursor.clone().name();
        Err(match nearest(word, Operator::ALL.iter().map(|known| known.word())) {
            Some(like) if error.help.is_none() && word.len() > 1 => {
                error.help(format!("did you mean '{like}'?"))
            }
            _ => error,
        })
    }

    /// The right side of a comparison with one value.
    fn value(&mut self, operator: Operator) -> Result<Right, FilterError> {
        if !matches!(operator, Operator::Equal | Operator::NotEqual) {
            let start = self.cursor.at;
            for (word, quantifier) in
                [("anyof", Quantifier::Any), ("oneof", Quantifier::One), ("allof", Quantifier::All)]
            {
                if self.cursor.take_word(word) {
                    self.cursor.skip_blanks();
                    if self.cursor.peek() == Some(b'(') {
                        return self.list(quantifier);
                    }
                    self.cursor.at = start;
                }
            }
        }
        if let Some(operand) = self.right_operand()? {
            return Ok(Right::Operand(operand));
        }
        match self.cursor.value()? {
            Some(value) => Ok(Right::Value(value)),
            None => Err(self.unexpected(&["a value"])),
        }
    }

    /// The right side of a comparison with several values.
    fn set(&mut self) -> Result<Right, FilterError> {
        if self.cursor.peek() == Some(b'(') {
            return self.list(Quantifier::Any);
        }
        if let Some(operand) = self.right_operand()? {
            return Ok(Right::Operand(operand));
        }
        let error = self.unexpected(&["'('"]);
        Err(match self.cursor.value() {
            Ok(Some(value)) => error.help(format!("write a list: ({})", &self.cursor.text[value.span])),
            _ => error,
        })
    }

    /// `val(...)` or another transformer. Bare text cannot hold a parenthesis, so there is no doubt.
    fn right_operand(&mut self) -> Result<Option<Operand>, FilterError> {
        let mut ahead = self.cursor.clone();
        let (name, _) = ahead.name();
        ahead.skip_blanks();
        match Transformer::from_word(name) {
            Some(_) if ahead.peek() == Some(b'(') => self.operand().map(Some),
            _ => Ok(None),
        }
    }

    fn list(&mut self, quantifier: Quantifier) -> Result<Right, FilterError> {
        let mut values = Vec::new();
        self.cursor.take("(");
        self.cursor.skip_blanks();
        if self.cursor.take(")") {
            return Ok(Right::List(quantifier, values));
        }
        loop {
            self.cursor.skip_blanks();
            values.push(self.cursor.value()?.ok_or_else(|| self.unexpected(&["a value"]))?);
            self.cursor.skip_blanks();
            if self.cursor.take(")") {
                return Ok(Right::List(quantifier, values));
            }
            if !self.cursor.take(",") {
                return Err(self.unexpected(&["','", "')'"]));
            }
        }
    }
}

#[cfg(test)]
mod tests;
