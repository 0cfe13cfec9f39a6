\ir figures.sql
SELECT merged_at >= :'since' AS is_now, :figures FROM metrics_pullrequest
WHERE team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'merged'
  AND merged_at >= :'before' AND merged_at < :'until' GROUP BY 1;

SELECT date_trunc(:'unit', merged_at AT TIME ZONE 'UTC'), :figures FROM metrics_pullrequest
WHERE team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'merged'
  AND merged_at >= :'since' AND merged_at < :'until' GROUP BY 1 ORDER BY 1;

SELECT * FROM (
  SELECT p.*, r.full_name, row_number() OVER (PARTITION BY waiting_for ORDER BY opened_at, p.id) AS place,
    count(*) OVER (PARTITION BY waiting_for) AS waiting
  FROM metrics_pullrequest p JOIN metrics_repository r ON r.id = p.repository_id
  WHERE p.team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'open'
) AS ranked WHERE place <= 5 ORDER BY opened_at, id;

SELECT p.*, r.full_name FROM metrics_pullrequest p JOIN metrics_repository r ON r.id = p.repository_id
WHERE p.team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'merged' AND NOT has_old_commit
  AND merged_at >= :'since' AND merged_at < :'until'
ORDER BY cycle_time DESC, p.id DESC LIMIT 6;
