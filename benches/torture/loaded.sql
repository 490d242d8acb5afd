select file_name as line from hayloft.load
where status = 'loaded' and action = 'load'
order by effective_at, load_id
