//! Types as PostgreSQL knows them: what an Arrow column is to a tool, by number and by name.

use arrow::datatypes::{DataType, TimeUnit};

/// A type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PgType {
    /// Its number.
    pub(crate) oid: u32,
    /// Its short name, as in `pg_type`.
    pub(crate) name: &'static str,
    /// Its name in SQL.
    pub(crate) sql: &'static str,
    /// Its length in bytes; -1 if values have lengths of their own.
    pub(crate) bytes: i16,
    /// The number of the type of its arrays; 0 where there is none.
    pub(crate) array: u32,
    /// Its category in `pg_type`.
    pub(crate) category: &'static str,
}

const fn of_kind(
    oid: u32,
    name: &'static str,
    sql: &'static str,
    bytes: i16,
    array: u32,
    category: &'static str,
) -> PgType {
    PgType { oid, name, sql, bytes, array, category }
}

pub(crate) static BOOL: PgType = of_kind(16, "bool", "boolean", 1, 1000, "B");
pub(crate) static BYTEA: PgType = of_kind(17, "bytea", "bytea", -1, 1001, "U");
pub(crate) static INT8: PgType = of_kind(20, "int8", "bigint", 8, 1016, "N");
pub(crate) static INT2: PgType = of_kind(21, "int2", "smallint", 2, 1005, "N");
pub(crate) static INT4: PgType = of_kind(23, "int4", "integer", 4, 1007, "N");
pub(crate) static TEXT: PgType = of_kind(25, "text", "text", -1, 1009, "S");
pub(crate) static OID: PgType = of_kind(26, "oid", "oid", 4, 1028, "N");
pub(crate) static FLOAT4: PgType = of_kind(700, "float4", "real", 4, 1021, "N");
pub(crate) static FLOAT8: PgType = of_kind(701, "float8", "double precision", 8, 1022, "N");
pub(crate) static DATE: PgType = of_kind(1082, "date", "date", 4, 1182, "D");
pub(crate) static TIME: PgType = of_kind(1083, "time", "time without time zone", 8, 1183, "D");
pub(crate) static TIMESTAMP: PgType = of_kind(1114, "timestamp", "timestamp without time zone", 8, 1115, "D");
pub(crate) static TIMESTAMPTZ: PgType = of_kind(1184, "timestamptz", "timestamp with time zone", 8, 1185, "D");
pub(crate) static INTERVAL: PgType = of_kind(1186, "interval", "interval", 16, 1187, "T");
pub(crate) static NUMERIC: PgType = of_kind(1700, "numeric", "numeric", -1, 1231, "N");

/// Those that columns have.
static COLUMNS: [&PgType; 15] = [
    &BOOL,
    &BYTEA,
    &INT8,
    &INT2,
    &INT4,
    &TEXT,
    &OID,
    &FLOAT4,
    &FLOAT8,
    &DATE,
    &TIME,
    &TIMESTAMP,
    &TIMESTAMPTZ,
    &INTERVAL,
    &NUMERIC,
];

/// Those that only statements and parameters name.
static OTHERS: [PgType; 11] = [
    of_kind(18, "char", "\"char\"", 1, 1002, "Z"),
    of_kind(19, "name", "name", 64, 1003, "S"),
    of_kind(24, "regproc", "regproc", 4, 1008, "N"),
    of_kind(114, "json", "json", -1, 199, "U"),
    of_kind(705, "unknown", "unknown", -2, 0, "X"),
    of_kind(1042, "bpchar", "character", -1, 1014, "S"),
    of_kind(1043, "varchar", "character varying", -1, 1015, "S"),
    of_kind(2205, "regclass", "regclass", 4, 2210, "N"),
    of_kind(2206, "regtype", "regtype", 4, 2211, "N"),
    of_kind(2950, "uuid", "uuid", 16, 2951, "U"),
    of_kind(3802, "jsonb", "jsonb", -1, 3807, "U"),
];

/// All of them, by number.
pub(crate) fn all() -> Vec<&'static PgType> {
    let mut all: Vec<&PgType> = COLUMNS.iter().copied().chain(&OTHERS).collect();
    all.sort_by_key(|ty| ty.oid);
    all
}

/// The type of a number.
pub(crate) fn by_oid(oid: u32) -> Option<&'static PgType> {
    COLUMNS.iter().copied().chain(&OTHERS).find(|ty| ty.oid == oid)
}

/// What a column is, and whether it is an array of that.
pub(crate) fn of(ty: &DataType) -> (&'static PgType, bool) {
    let plain = match ty {
        DataType::Boolean => &BOOL,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => &INT2,
        DataType::Int32 | DataType::UInt16 => &INT4,
        DataType::Int64 => &INT8,
        DataType::UInt32 => &OID,
        DataType::UInt64 | DataType::Decimal32(..) | DataType::Decimal64(..) => &NUMERIC,
        DataType::Decimal128(..) | DataType::Decimal256(..) => &NUMERIC,
        DataType::Float16 | DataType::Float32 => &FLOAT4,
        DataType::Float64 => &FLOAT8,
        DataType::Date32 | DataType::Date64 => &DATE,
        DataType::Time32(_) | DataType::Time64(_) => &TIME,
        DataType::Timestamp(_, None) => &TIMESTAMP,
        DataType::Timestamp(_, Some(_)) => &TIMESTAMPTZ,
        DataType::Interval(_) | DataType::Duration(_) => &INTERVAL,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => &BYTEA,
        DataType::Dictionary(_, of) => return self::of(of),
        DataType::RunEndEncoded(_, of) => return self::of(of.data_type()),
        DataType::List(of) | DataType::LargeList(of) | DataType::FixedSizeList(of, _) => {
            let (of, is_array) = self::of(of.data_type());
            return if is_array || of.array == 0 { (&TEXT, false) } else { (of, true) };
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => &TEXT,
        DataType::Struct(_)
        | DataType::Map(..)
        | DataType::Union(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => &TEXT,
    };
    (plain, false)
}

/// The number of a column's type.
pub(crate) fn oid(ty: &DataType) -> u32 {
    match of(ty) {
        (of, true) => of.array,
        (of, false) => of.oid,
    }
}

/// What is said of a column's type beside its number: digits of decimals; -1 for nothing.
pub(crate) fn modifier(ty: &DataType) -> i32 {
    match ty {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *scale >= 0 =>
        {
            (i32::from(*precision) << 16 | i32::from(*scale)) + 4
        }
        _ => -1,
    }
}

/// A type as SQL writes it.
pub(crate) fn written(oid: u32, modifier: i32) -> String {
    if let Some(of) = all().into_iter().find(|ty| ty.array == oid && ty.array != 0) {
        return format!("{}[]", of.sql);
    }
    match by_oid(oid) {
        Some(ty) if ty.oid == NUMERIC.oid && modifier >= 4 => {
            format!("numeric({},{})", (modifier - 4) >> 16, (modifier - 4) & 0xffff)
        }
        Some(ty) => ty.sql.to_owned(),
        None => "???".to_owned(),
    }
}

/// The unit of a time in nanoseconds.
pub(crate) fn nanoseconds(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}
