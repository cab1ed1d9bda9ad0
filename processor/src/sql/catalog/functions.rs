//! Functions that tools for PostgreSQL call: what a number stands for, who is asking, what may be done.
//!
//! Those that describe what nothing here has are there and say nothing.

use super::oids;
use crate::engine::TableData;
use crate::rows::COMMENT;
use crate::sql::types;
use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, ListBuilder, StringArray, StringBuilder, UInt32Array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::prelude::SessionContext;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What all of them may need to know.
#[derive(Debug, Default)]
struct CatalogFacts {
    /// Tables by their numbers.
    tables: BTreeMap<i64, String>,
    /// Comments by table and column, 0 for that of the table.
    comments: BTreeMap<(i64, i64), String>,
}

/// What a function answers to so many rows of arguments.
type FunctionResult = fn(&CatalogFacts, &[ArrayRef], usize) -> Result<ArrayRef>;

/// Makes the functions known; `tables` are those that the question may ask about.
pub(in crate::sql) fn register(context: &SessionContext, tables: &[TableData]) {
    let mut known = CatalogFacts::default();
    for table in tables {
        let number = i64::from(oids::of_table(&table.name));
        known.tables.insert(number, table.name.clone());
        let own = table.schema.metadata().get(COMMENT).map(|text| ((number, 0), text.clone()));
        known.comments.extend(own);
        let columns = table.schema.fields().iter().zip(1..);
        let columns = columns.filter_map(|(field, i)| Some(((number, i), field.metadata().get(COMMENT)?.clone())));
        known.comments.extend(columns);
    }
    let known = Arc::new(known);
    let register = |name: &'static str, returns: DataType, answer: FunctionResult| {
        let signature = TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]);
        let signature = Signature::new(signature, Volatility::Stable);
        context.register_udf(ScalarUDF::from(CatalogFunction {
            name,
            returns,
            answer,
            known: known.clone(),
            signature,
        }));
    };
    for (name, answer) in TEXTS {
        register(name, DataType::Utf8, answer);
    }
    for name in SAY_NOTHING {
        register(name, DataType::Utf8, |_, _, rows| Ok(texts((0..rows).map(|_| None))));
    }
    for name in TRUE {
        register(name, DataType::Boolean, |_, _, rows| Ok(bools((0..rows).map(|_| Some(true)))));
    }
    for name in FALSE {
        register(name, DataType::Boolean, |_, _, rows| Ok(bools((0..rows).map(|_| Some(false)))));
    }
    for name in PRIVILEGES {
        register(name, DataType::Boolean, may);
    }
    for name in SIZES {
        register(name, DataType::Int64, |_, _, rows| Ok(Arc::new(Int64Array::from(vec![0; rows]))));
    }
    register("pg_backend_pid", DataType::Int32, |_, _, rows| Ok(Arc::new(Int32Array::from(vec![0; rows]))));
    register("current_schemas", DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))), schemas);
    register("to_regclass", DataType::UInt32, |known, args, rows| {
        let numbers = strings(args, 0, rows)?.into_iter().map(|name| {
            let number = oids::of_written_table(&name?);
            known.tables.contains_key(&i64::from(number)).then_some(number)
        });
        Ok(Arc::new(UInt32Array::from_iter(numbers)))
    });
    register("to_regtype", DataType::UInt32, |_, args, rows| {
        let numbers = strings(args, 0, rows)?.into_iter().map(|name| Some(oids::of_type(&name?)).filter(|n| *n != 0));
        Ok(Arc::new(UInt32Array::from_iter(numbers)))
    });
    register("timeline_regclass_number", DataType::UInt32, |_, args, rows| {
        let numbers = strings(args, 0, rows)?.into_iter().map(|name| {
            let name = name?;
            Some(name.parse().unwrap_or_else(|_| oids::of_written_table(&name)))
        });
        Ok(Arc::new(UInt32Array::from_iter(numbers)))
    });
}

/// Those that give texts.
const TEXTS: [(&str, FunctionResult); 20] = [
    ("version", |_, _, rows| said(&crate::sql::settings::version(), rows)),
    ("current_database", |_, _, rows| said("timeline", rows)),
    ("current_catalog", |_, _, rows| said("timeline", rows)),
    ("current_schema", |_, _, rows| said("public", rows)),
    ("current_user", |_, _, rows| said("timeline", rows)),
    ("current_role", |_, _, rows| said("timeline", rows)),
    ("session_user", |_, _, rows| said("timeline", rows)),
    ("user", |_, _, rows| said("timeline", rows)),
    ("pg_get_userbyid", |_, _, rows| said("timeline", rows)),
    ("pg_encoding_to_char", |_, _, rows| said("UTF8", rows)),
    ("pg_client_encoding", |_, _, rows| said("UTF8", rows)),
    ("current_setting", |_, args, rows| {
        let settings = strings(args, 0, rows)?.into_iter().map(|name| {
            let name = name?;
            let found = crate::sql::settings::SETTINGS.iter().find(|(own, _)| own.eq_ignore_ascii_case(&name));
            found.map(|(_, value)| (*value).to_owned())
        });
        Ok(texts(settings))
    }),
    ("set_config", |_, args, rows| Ok(texts(strings(args, 1, rows)?))),
    ("format_type", |_, args, rows| {
        let (numbers, modifiers) = (integers(args, 0, rows)?, integers(args, 1, rows)?);
        let written = numbers.into_iter().zip(modifiers).map(|(number, modifier)| {
            Some(types::written(
                u32::try_from(number?).ok()?,
                modifier.and_then(|m| i32::try_from(m).ok()).unwrap_or(-1),
            ))
        });
        Ok(texts(written))
    }),
    ("timeline_regclass", |known, args, rows| {
        let name = |text: String| match text.parse::<i64>() {
            Ok(number) => known.tables.get(&number).cloned().unwrap_or(text),
            Err(_) => text,
        };
        Ok(texts(strings(args, 0, rows)?.into_iter().map(|text| text.map(name))))
    }),
    ("timeline_regnamespace", |_, args, rows| {
        let name = |number: i64| {
            let own = oids::SCHEMAS.iter().find(|(own, _)| i64::from(*own) == number);
            own.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
        };
        Ok(texts(integers(args, 0, rows)?.into_iter().map(|number| number.map(name))))
    }),
    ("obj_description", |known, args, rows| {
        let comments = integers(args, 0, rows)?.into_iter().map(|table| known.comments.get(&(table?, 0)).cloned());
        Ok(texts(comments))
    }),
    ("col_description", |known, args, rows| {
        let (tables, columns) = (integers(args, 0, rows)?, integers(args, 1, rows)?);
        let comment = |(table, column): (Option<i64>, Option<i64>)| known.comments.get(&(table?, column?)).cloned();
        Ok(texts(tables.into_iter().zip(columns).map(comment)))
    }),
    ("format", |_, args, rows| {
        let columns = (0..args.len()).map(|place| strings(args, place, rows)).collect::<Result<Vec<_>>>()?;
        let row = |row: usize| columns.iter().map(|column| column[row].clone()).collect::<Vec<_>>();
        Ok(texts((0..rows).map(|at| formatted(row(at)))))
    }),
    ("quote_ident", |_, args, rows| Ok(texts(strings(args, 0, rows)?.into_iter().map(|name| name.map(quoted))))),
];

/// Those that say nothing, for nothing here has what they describe.
const SAY_NOTHING: [&str; 18] = [
    "pg_get_expr",
    "pg_get_constraintdef",
    "pg_get_indexdef",
    "pg_get_viewdef",
    "pg_get_triggerdef",
    "pg_get_ruledef",
    "pg_get_functiondef",
    "pg_get_function_result",
    "pg_get_function_arguments",
    "pg_get_function_identity_arguments",
    "pg_get_partkeydef",
    "pg_get_serial_sequence",
    "pg_get_statisticsobjdef_columns",
    "pg_tablespace_location",
    "shobj_description",
    "inet_server_addr",
    "pg_advisory_unlock_all",
    "pg_size_pretty",
];

const TRUE: [&str; 6] = [
    "pg_table_is_visible",
    "pg_type_is_visible",
    "pg_function_is_visible",
    "pg_opclass_is_visible",
    "pg_operator_is_visible",
    "pg_collation_is_visible",
];

const FALSE: [&str; 4] =
    ["pg_is_in_recovery", "pg_relation_is_publishable", "row_security_active", "pg_is_other_temp_schema"];

const PRIVILEGES: [&str; 8] = [
    "has_table_privilege",
    "has_any_column_privilege",
    "has_column_privilege",
    "has_schema_privilege",
    "has_database_privilege",
    "has_function_privilege",
    "has_sequence_privilege",
    "pg_has_role",
];

const SIZES: [&str; 5] =
    ["pg_total_relation_size", "pg_relation_size", "pg_table_size", "pg_indexes_size", "pg_database_size"];

fn said(text: &str, rows: usize) -> Result<ArrayRef> {
    Ok(texts((0..rows).map(|_| Some(text.to_owned()))))
}

fn texts(texts: impl IntoIterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(texts))
}

fn bools(bools: impl IntoIterator<Item = Option<bool>>) -> ArrayRef {
    Arc::new(BooleanArray::from_iter(bools))
}

/// Only reading is allowed: of the rights that the last argument names one must be.
fn may(_: &CatalogFacts, args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let rights = strings(args, args.len().saturating_sub(1), rows)?;
    let reads = |right: &str| {
        let right = right.to_ascii_uppercase();
        ["SELECT", "USAGE", "CONNECT", "EXECUTE", "MEMBER"].iter().any(|read| right.contains(read))
    };
    Ok(bools(rights.into_iter().map(|right| right.map(|right| reads(&right)))))
}

fn schemas(_: &CatalogFacts, _: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for _ in 0..rows {
        lists.values().append_value("pg_catalog");
        lists.values().append_value("public");
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

/// `format('%s.%I', ...)`: `%I` is a name, `%L` a literal, `%s` as it is.
fn formatted(values: Vec<Option<String>>) -> Option<String> {
    let mut values = values.into_iter();
    let form = values.next()??;
    let mut text = String::new();
    let mut pieces = form.chars();
    while let Some(c) = pieces.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match pieces.next()? {
            '%' => text.push('%'),
            'I' => text.push_str(&quoted(values.next()??)),
            'L' => match values.next()? {
                Some(value) => text.push_str(&format!("'{}'", value.replace('\'', "''"))),
                None => text.push_str("NULL"),
            },
            _ => text.push_str(&values.next()?.unwrap_or_default()),
        }
    }
    Some(text)
}

/// A name as SQL takes it, in quotes where it must be.
fn quoted(name: String) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
    match plain && !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit()) {
        true => name,
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// An argument as texts; nulls where there is no such argument.
fn strings(args: &[ArrayRef], place: usize, rows: usize) -> Result<Vec<Option<String>>> {
    let Some(array) = args.get(place) else { return Ok(vec![None; rows]) };
    let array = cast(array, &DataType::Utf8)?;
    Ok(array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
}

/// An argument as whole numbers, likewise.
fn integers(args: &[ArrayRef], place: usize, rows: usize) -> Result<Vec<Option<i64>>> {
    let Some(array) = args.get(place) else { return Ok(vec![None; rows]) };
    let array = cast(array, &DataType::Int64)?;
    Ok(array.as_primitive::<Int64Type>().iter().collect())
}

struct CatalogFunction {
    name: &'static str,
    returns: DataType,
    answer: FunctionResult,
    known: Arc<CatalogFacts>,
    signature: Signature,
}

impl std::fmt::Debug for CatalogFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

// A name stands for one function of a question.
impl PartialEq for CatalogFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for CatalogFunction {}

impl Hash for CatalogFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for CatalogFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let answer = (self.answer)(&self.known, &arrays, rows)?;
        match is_scalar {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?)),
            false => Ok(ColumnarValue::Array(answer)),
        }
    }
}
