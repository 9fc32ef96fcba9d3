-- Resources found by what one of their properties is, in whichever service: a search for what somebody owns looks at what they
-- own, and not at all that there is.

-- Two that are equal have the same; two that have the same may differ, so whoever finds one by it looks again.
create function auth.property_hash(service_id integer, type text, name text, value text) returns bigint
language sql immutable parallel safe
return hashtextextended(
    (service_id::text || e'\n' || type || e'\n' || name || e'\n' || value) collate "C", 0
);

comment on function auth.property_hash(integer, text, text, text) is
    'what a property with this text of JSON is found by; a value of ''*'' stands for all that can be written in several ways';

-- Whole numbers and short texts without escapes are written in one way only; others may be equal however they are written. Null,
-- lists and objects are equal to nothing.
create function auth.property_hashes(service_id integer, type text, properties json) returns bigint[]
language sql immutable parallel safe
return (
    case
        -- A name with that in it is none that Postgres can have.
        when position('\u0000' in properties::text) > 0 then array[auth.property_hash(service_id, type, '', '*')]
        else array(
            select distinct auth.property_hash(
                service_id,
                type,
                property.key,
                case
                    when property.value::text ~ '^(true|false|0|-?[1-9][0-9]{0,17}|"[^\\]{0,200}")$' then property.value::text
                    else '*'
                end
            )
            from json_each(properties) property
            where json_typeof(property.value) in ('boolean', 'number', 'string')
        )
    end
);

comment on function auth.property_hashes(integer, text, json) is 'what a resource is found by';

alter table auth.resources add column property_hashes bigint[] not null
    generated always as (auth.property_hashes(service_id, type, properties)) stored;

create index resources_property_hashes_idx on auth.resources using gin (property_hashes);
