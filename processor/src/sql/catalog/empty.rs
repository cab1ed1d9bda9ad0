//! Tables of `pg_catalog` and `information_schema` that are there and have no rows: nothing here has what they list.

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::sync::Arc;

/// Such tables of `pg_catalog`, with the columns that tools join by; `#` is a number of an object, `?` a truth value,
/// `*` an array of numbers, nothing a text.
const PG_CATALOG: [(&str, &str); 60] = [
    ("pg_aggregate", "aggfnoid#"),
    ("pg_amop", "amopfamily#"),
    ("pg_attrdef", "oid# adrelid# adnum# adbin"),
    ("pg_auth_members", "roleid# member# grantor# admin_option?"),
    ("pg_cast", "oid# castsource# casttarget# castfunc# castcontext castmethod"),
    ("pg_collation", "oid# collname collnamespace# collowner# collprovider collisdeterministic? collcollate collctype"),
    (
        "pg_constraint",
        "oid# conname connamespace# contype condeferrable? condeferred? convalidated? conrelid# contypid# conindid# \
         conparentid# confrelid# confupdtype confdeltype confmatchtype conislocal? coninhcount# connoinherit? conkey* \
         confkey* conbin",
    ),
    ("pg_conversion", "oid# conname connamespace#"),
    ("pg_cursors", "name statement"),
    ("pg_db_role_setting", "setdatabase# setrole# setconfig"),
    ("pg_default_acl", "oid# defaclrole# defaclnamespace# defaclobjtype"),
    ("pg_depend", "classid# objid# objsubid# refclassid# refobjid# refobjsubid# deptype"),
    ("pg_enum", "oid# enumtypid# enumsortorder# enumlabel"),
    ("pg_event_trigger", "oid# evtname evtevent evtowner# evtfoid# evtenabled"),
    ("pg_extension", "oid# extname extowner# extnamespace# extrelocatable? extversion"),
    ("pg_foreign_data_wrapper", "oid# fdwname fdwowner#"),
    ("pg_foreign_server", "oid# srvname srvowner# srvfdw#"),
    ("pg_foreign_table", "ftrelid# ftserver# ftoptions"),
    (
        "pg_index",
        "indexrelid# indrelid# indnatts# indnkeyatts# indisunique? indisprimary? indisexclusion? indimmediate? \
         indisclustered? indisvalid? indisready? indislive? indisreplident? indkey* indcollation* indclass* indoption* \
         indexprs indpred",
    ),
    ("pg_indexes", "schemaname tablename indexname tablespace indexdef"),
    ("pg_inherits", "inhrelid# inhparent# inhseqno# inhdetachpending?"),
    ("pg_init_privs", "objoid# classoid#"),
    ("pg_language", "oid# lanname lanowner#"),
    ("pg_largeobject", "loid#"),
    ("pg_largeobject_metadata", "oid# lomowner#"),
    ("pg_locks", "locktype database# relation# pid# mode granted?"),
    ("pg_matviews", "schemaname matviewname matviewowner tablespace hasindexes? ispopulated? definition"),
    ("pg_opclass", "oid# opcname opcmethod# opcnamespace# opcfamily#"),
    ("pg_operator", "oid# oprname oprnamespace# oprleft# oprright# oprresult#"),
    ("pg_opfamily", "oid# opfname opfnamespace#"),
    ("pg_partitioned_table", "partrelid# partstrat partnatts# partdefid# partattrs*"),
    ("pg_policies", "schemaname tablename policyname"),
    ("pg_policy", "oid# polname polrelid# polcmd polpermissive? polroles* polqual polwithcheck"),
    ("pg_prepared_statements", "name statement"),
    ("pg_proc", "oid# proname pronamespace# proowner# prolang# prokind proretset? prorettype# proargtypes* prosrc"),
    ("pg_publication", "oid# pubname pubowner# puballtables? pubinsert? pubupdate? pubdelete? pubtruncate?"),
    ("pg_publication_namespace", "oid# pnpubid# pnnspid#"),
    ("pg_publication_rel", "oid# prpubid# prrelid# prqual prattrs*"),
    ("pg_publication_tables", "pubname schemaname tablename"),
    ("pg_range", "rngtypid# rngsubtype# rngmultitypid#"),
    ("pg_replication_slots", "slot_name slot_type database active?"),
    ("pg_rewrite", "oid# rulename ev_class# ev_type ev_enabled is_instead? ev_qual ev_action"),
    ("pg_rules", "schemaname tablename rulename definition"),
    ("pg_seclabel", "objoid# classoid# objsubid# provider label"),
    ("pg_sequence", "seqrelid# seqtypid# seqstart# seqincrement# seqmax# seqmin# seqcache# seqcycle?"),
    ("pg_sequences", "schemaname sequencename sequenceowner"),
    ("pg_shdepend", "dbid# classid# objid# refclassid# refobjid# deptype"),
    ("pg_shdescription", "objoid# classoid# description"),
    ("pg_stat_activity", "datid# datname pid# usename application_name state query"),
    ("pg_stat_gssapi", "pid# gss_authenticated? principal encrypted?"),
    ("pg_stat_ssl", "pid# ssl? version cipher"),
    ("pg_stat_user_tables", "relid# schemaname relname n_live_tup# n_dead_tup#"),
    ("pg_statio_user_tables", "relid# schemaname relname"),
    ("pg_statistic_ext", "oid# stxrelid# stxname stxnamespace# stxowner# stxkeys* stxkind stxstattarget#"),
    ("pg_statistic_ext_data", "stxoid#"),
    ("pg_subscription", "oid# subname subowner# subenabled?"),
    (
        "pg_trigger",
        "oid# tgrelid# tgparentid# tgname tgfoid# tgtype# tgenabled tgisinternal? tgconstraint# tgdeferrable?",
    ),
    ("pg_ts_config", "oid# cfgname cfgnamespace#"),
    ("pg_user_mapping", "oid# umuser# umserver#"),
    ("pg_views", "schemaname viewname viewowner definition"),
];

/// Such tables of `information_schema`.
const INFORMATION_SCHEMA: [(&str, &str); 8] = [
    ("views", "table_catalog table_schema table_name view_definition check_option is_updatable is_insertable_into"),
    (
        "table_constraints",
        "constraint_catalog constraint_schema constraint_name table_catalog table_schema table_name constraint_type",
    ),
    (
        "key_column_usage",
        "constraint_catalog constraint_schema constraint_name table_catalog table_schema table_name column_name \
         ordinal_position# position_in_unique_constraint#",
    ),
    (
        "constraint_column_usage",
        "table_catalog table_schema table_name column_name constraint_catalog constraint_schema constraint_name",
    ),
    (
        "referential_constraints",
        "constraint_catalog constraint_schema constraint_name unique_constraint_catalog unique_constraint_schema \
         unique_constraint_name match_option update_rule delete_rule",
    ),
    ("check_constraints", "constraint_catalog constraint_schema constraint_name check_clause"),
    ("triggers", "trigger_catalog trigger_schema trigger_name event_object_schema event_object_table"),
    ("sequences", "sequence_catalog sequence_schema sequence_name data_type"),
];

/// Whether a table of `pg_catalog` is there and never has a row.
pub(super) fn is_empty_table(name: &str) -> bool {
    PG_CATALOG.iter().any(|(own, _)| *own == name)
}

/// The columns of such a table.
pub(super) fn columns(schema: &str, name: &str) -> Option<SchemaRef> {
    let of = if schema == "pg_catalog" { PG_CATALOG.as_slice() } else { INFORMATION_SCHEMA.as_slice() };
    let (_, columns) = of.iter().find(|(own, _)| *own == name)?;
    let field = |text: &str| {
        let (name, ty) = match text.char_indices().last() {
            Some((at, '#')) => (&text[..at], DataType::UInt32),
            Some((at, '?')) => (&text[..at], DataType::Boolean),
            Some((at, '*')) => (&text[..at], DataType::new_list(DataType::Int16, true)),
            _ => (text, DataType::Utf8),
        };
        Field::new(name, ty, true)
    };
    Some(Arc::new(Schema::new(columns.split_whitespace().map(field).collect::<Vec<_>>())))
}

/// Whether a column of such a table is a number of an object, whatever the library takes it for where it joins them.
pub(in crate::sql) fn is_number(column: &str) -> bool {
    let all = PG_CATALOG.iter().flat_map(|(_, columns)| columns.split_whitespace());
    all.filter_map(|name| name.strip_suffix('#')).any(|name| name == column)
}

/// The names of all such tables of `information_schema`.
pub(super) fn of_information_schema() -> impl Iterator<Item = &'static str> {
    INFORMATION_SCHEMA.iter().map(|(name, _)| *name)
}
