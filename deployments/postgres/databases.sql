-- Two databases, each with a role of its own that owns it. Safe to run again, which also sets a
-- changed password. UTF-8 whatever the cluster was made with: as SQL_ASCII nothing of ours can read it.
\set prefect `cat /run/secrets/PREFECT_DATABASE_PASSWORD`
\set fairlead `cat /run/secrets/FAIRLEAD_DATABASE_PASSWORD`

-- No password in the server's log, also where a statement fails or is logged for being slow.
set log_statement = 'none';
set log_min_error_statement = 'panic';
set log_min_duration_statement = -1;

select 'create role prefect' where not exists (select from pg_roles where rolname = 'prefect') \gexec
select 'create role fairlead' where not exists (select from pg_roles where rolname = 'fairlead') \gexec
alter role prefect login password :'prefect';
alter role fairlead login password :'fairlead';

select 'create database prefect owner prefect template template0 encoding ''UTF8'''
where not exists (select from pg_database where datname = 'prefect') \gexec
select 'create database fairlead owner fairlead template template0 encoding ''UTF8'''
where not exists (select from pg_database where datname = 'fairlead') \gexec
