//! Filters as text, and what the parser makes of them.

use super::*;

/// The tree in fully parenthesised form.
fn show(expr: &Expr) -> String {
    match expr {
        Expr::And(terms) => format!("({})", terms.iter().map(show).collect::<Vec<_>>().join(" and ")),
        Expr::Or(terms) => format!("({})", terms.iter().map(show).collect::<Vec<_>>().join(" or ")),
        Expr::Not(inner) => format!("not {}", show(inner)),
        Expr::Check(check) => {
            let right = match &check.right {
                Right::Nothing => String::new(),
                Right::Value(value) => format!("'{}'", String::from_utf8_lossy(&value.text)),
                Right::List(_, values) => {
                    let values: Vec<_> = values
                        .iter()
                        .map(|value| String::from_utf8_lossy(&value.text).into_owned())
                        .collect();
                    format!("({})", values.join("|"))
                }
                Right::Operand(operand) => show_operand(operand),
            };
            format!("{}{{{}}}{right}", show_operand(&check.left), check.operator.word())
        }
    }
}

fn show_operand(operand: &Operand) -> String {
    match operand {
        Operand::Field(field) => match &field.argument {
            Some(argument) => format!("{}[{}]", field.name, String::from_utf8_lossy(&argument.text)),
            None => field.name.clone(),
        },
        Operand::Transform { by, of, .. } => {
            format!("{}({})", by.word(), of.iter().map(show_operand).collect::<Vec<_>>().join(","))
        }
        Operand::Literal(literal) => format!("'{}'", String::from_utf8_lossy(&literal.text)),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    match parse(text) {
        Ok(Some(expr)) => assert_eq!(show(&expr), expected, "{text}"),
        Ok(None) => assert_eq!("", expected, "{text}"),
        Err(error) => panic!("{text}\n{}", error.render()),
    }
}

#[track_caller]
fn check_error(text: &str, column: usize, message: &str) {
    match parse(text) {
        Ok(expr) => panic!("{text} was understood as {expr:?}"),
        Err(error) => {
            let found = error.render();
            assert!(found.contains(message), "{text}: expected {message:?} in\n{found}");
            assert_eq!(error.column, column, "{found}");
        }
    }
}

#[test]
fn precedence_is_not_and_or() {
    check("a.b=1 or c.d=2 and e.f=3", "(a.b{=}'1' or (c.d{=}'2' and e.f{=}'3'))");
    check("not a.b=1 and c.d=2", "(not a.b{=}'1' and c.d{=}'2')");
    check("(a.b=1 or c.d=2) and e.f=3", "((a.b{=}'1' or c.d{=}'2') and e.f{=}'3')");
    check("not(a.b=1)and(c.d=2)", "(not a.b{=}'1' and c.d{=}'2')");
    check("not not a.b exists", "not not a.b{exists}");
    check("!a.b=1 && !(c.d=2) || e.f=3", "((not a.b{=}'1' and not c.d{=}'2') or e.f{=}'3')");
}

#[test]
fn blank_text_is_no_condition() {
    check("", "");
    check(" \t\r\n ", "");
}

#[test]
fn values_are_bare_or_quoted() {
    check(r"proc.name=a\b", r"proc.name{=}'a\b'");
    check("evt.dir=<", "evt.dir{=}'<'");
    check("evt.dir = \"<\"", "evt.dir{=}'<'");
    check(r#"a.b = "x 'y' \"z\" \\ \t \x41""#, "a.b{=}'x 'y' \"z\" \\ \t A'");
    check("a.b='it\\'s'", "a.b{=}'it's'");
    check("a.b contains && and c.d=1", "(a.b{contains}'&&' and c.d{=}'1')");
    check("a.b==1", "a.b{=}'1'");
    check("a.b >= 0x1f", "a.b{>=}'0x1f'");
    check("a.b = \"\"", "a.b{=}''");
    check("a.b contains\"x\"", "a.b{contains}'x'");
    check("a.b=ä", "a.b{=}'ä'");
}

#[test]
fn lists_fields_and_transformers() {
    check("a.b in (1, \"x y\" ,z)", "a.b{in}(1|x y|z)");
    check("a.b in()", "a.b{in}()");
    check("a.b pmatch (/tmp,/etc)", "a.b{pmatch}(/tmp|/etc)");
    check("a.b contains anyof (x, y)", "a.b{contains}(x|y)");
    check("a.b contains anyof", "a.b{contains}'anyof'");
    check("proc.aname[2]=x and proc.env[\"A]\"]=1", "(proc.aname[2]{=}'x' and proc.env[A]]{=}'1')");
    check("proc.exe=val(proc.name)", "proc.exe{=}val(proc.name)");
    check("proc.name=proc.exe", "proc.name{=}'proc.exe'");
    check("tolower( toupper (a.b)) = x", "tolower(toupper(a.b)){=}'x'");
    check("a.b = concat(\"x\", c.d)", "a.b{=}concat('x',c.d)");
    check("evt.arg.some-name.x/y=1", "evt.arg.some-name.x/y{=}'1'");
}

#[test]
fn errors_point_at_the_place() {
    check_error("proc.name=", 11, "the filter ends here; expected a value");
    check_error("proc.name", 10, "expected =");
    check_error("proc.name=a proc.pid=1", 13, "unexpected 'proc.pid'; expected 'and', 'or' or the end");
    check_error("proc.name=a AND proc.pid=1", 13, "write 'and'");
    check_error("NOT proc.name=a", 1, "write 'not'");
    check_error("spawned_process", 1, "macros are known to rule files only");
    check_error("a.b in 1", 8, "write a list: (1)");
    check_error("a.b <> 1", 5, "write '!='");
    check_error("a.b=\"x", 5, "does not end; expected \"");
    check_error("a.b=\"\\q\"", 6, "unknown escape");
    check_error("a.b=\"\\x+1\"", 6, "unknown escape");
    check_error("(a.b=1", 7, "expected 'and', 'or' or ')'");
    check_error("a.b=1)", 6, "unexpected ')'");
    check_error("a.b cotains x", 5, "did you mean 'contains'?");
    check_error("lower(a.b)=x", 1, "did you mean 'tolower'?");
    check_error("a.b[=1", 7, "expected an argument or ']'");
    check_error("a.b in (1 2)", 11, "expected ',' or ')'");
    check_error("a.b=1 and", 10, "the filter ends here; expected a field");
    check_error("a.b=1\n  or ?", 6, "unexpected '?'");
    check_error("a.b=1 or é", 10, "unexpected 'é'");
    check_error("a.b=foo(1)", 8, "unexpected '('");
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| format!("{}a.b=1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(99)).is_ok());
    check_error(&nested(100), 101, "nested deeper than 100 levels");
    assert!(parse(&"not ".repeat(100_000)).is_err());
    assert!(parse(&format!("a.b={}", "val(".repeat(100_000))).is_err());
}
