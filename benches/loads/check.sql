-- What a dimension holds, in five numbers: how many versions are open and closed, a sum of
-- fingerprints of the rows of each, and how many closed versions have no successor that begins
-- where they end. The runner computes the same from the deliveries, without a database.
with version as (
    select user_id, version_number, effective_start_date, effective_end_date,
        ('x' || left(encode(sha256(convert_to(
            concat_ws('|', user_id, email, name, date_of_birth, version_number), 'UTF8'
        )), 'hex'), 15))::bit(60)::bigint as print
    from users
)
select count(*) filter (where effective_end_date is null) as open,
    coalesce(sum(print) filter (where effective_end_date is null), 0)::text as open_sum,
    count(*) filter (where effective_end_date is not null) as closed,
    coalesce(sum(print) filter (where effective_end_date is not null), 0)::text as closed_sum,
    (
        select count(*)
        from version as earlier
        left join version as later
            on later.user_id = earlier.user_id
            and later.version_number = earlier.version_number + 1
            and later.effective_start_date = earlier.effective_end_date
        where earlier.effective_end_date is not null and later.user_id is null
    ) as loose
from version
