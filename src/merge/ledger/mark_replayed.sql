-- Which row of a mended file stands for which reject cannot be told: a mended row may have another
-- key. A file with fewer rows than were rejected leaves some out, so that all stay open. For a line that
-- was no row, none can stand.
update hayloft.reject
set status = 'replayed'
where load_id = $1 and status = 'open' and severity = 'error'
  and $2 >= (
      select count(distinct line)
      from hayloft.reject
      where load_id = $1 and status = 'open' and severity = 'error'
          and kind not in ('blank_line', 'repeated_header')
  )
