SELECT count(*) FROM metrics_pullrequest
WHERE team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'merged'
  AND merged_at >= :'since' AND merged_at < :'until';

SELECT p.*, r.full_name FROM metrics_pullrequest p JOIN metrics_repository r ON r.id = p.repository_id
WHERE p.team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'merged'
  AND merged_at >= :'since' AND merged_at <= :'place' AND (merged_at, p.id) < (:'place', :place_id)
ORDER BY merged_at DESC, p.id DESC LIMIT 51;
