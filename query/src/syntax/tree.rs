//! The tree a filter's text becomes.

/// First byte and the byte after the last.
pub(crate) type Span = std::ops::Range<usize>;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Check(Check),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Check {
    pub(crate) left: Operand,
    pub(crate) operator: Operator,
    pub(crate) operator_span: Span,
    pub(crate) right: Right,
}

/// A field, or something made of fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Field(FieldName),
    Transform {
        by: Transformer,
        of: Vec<Operand>,
        span: Span,
    },
    /// Only among the arguments of a transformer.
    Literal(Literal),
}

impl Operand {
    pub(crate) fn span(&self) -> Span {
        match self {
            Operand::Field(field) => field.span.clone(),
            Operand::Transform { span, .. } => span.clone(),
            Operand::Literal(literal) => literal.span.clone(),
        }
    }
}

/// A field as it was typed: `evt.arg.fd` is still one name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldName {
    pub(crate) name: String,
    /// The text in brackets.
    pub(crate) argument: Option<Literal>,
    pub(crate) span: Span,
}

/// A value as it was typed, quotes and escapes undone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Literal {
    pub(crate) text: Vec<u8>,
    pub(crate) span: Span,
}

/// The right side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Right {
    Nothing,
    Value(Literal),
    List(Quantifier, Vec<Literal>),
    Operand(Operand),
}

/// How many of a list's elements must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    Any,
    One,
    All,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant,)* }

        impl $name {
            pub(crate) const ALL: &[$name] = &[$($name::$variant,)*];

            pub(crate) fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

        }
    };
}

impl Transformer {
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Transformer::ALL.iter().copied().find(|known| known.word() == word)
    }
}

words! {
    /// What is compared, and how.
    Operator {
        Equal "=",
        NotEqual "!=",
        Less "<",
        LessEqual "<=",
        Greater ">",
        GreaterEqual ">=",
        Exists "exists",
        Contains "contains",
        IContains "icontains",
        BContains "bcontains",
        StartsWith "startswith",
        BStartsWith "bstartswith",
        EndsWith "endswith",
        Glob "glob",
        IGlob "iglob",
        Regex "regex",
        In "in",
        Intersects "intersects",
        PMatch "pmatch",
    }
}

words! {
    /// Functions over values.
    Transformer {
        ToLower "tolower",
        ToUpper "toupper",
        Basename "basename",
        B64 "b64",
        Len "len",
        Val "val",
        Join "join",
        Concat "concat",
    }
}
